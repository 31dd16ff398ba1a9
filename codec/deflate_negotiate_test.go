package codec

import (
	"iter"
	"strings"
	"testing"
)

// offersIn iterates over the elements of a list, as Request.Extensions does.
func offersIn(list string) iter.Seq[Extension] {
	return func(yield func(Extension) bool) {
		for e, err := range Extensions([]byte(list)) {
			if err != nil || !yield(e) {
				return
			}
		}
	}
}

// deflateFull wants all that there is.
var deflateFull = Deflate{ServerContextTakeover: true, ClientContextTakeover: true}

const pmd = "permessage-deflate"

// A row's want is the response, or empty when all offers are declined.
func TestDeflateAccept(t *testing.T) {
	limited := Deflate{ServerContextTakeover: true, ClientContextTakeover: true, ServerMaxWindowBits: 11, ClientMaxWindowBits: 10}
	const none = "; server_no_context_takeover; client_no_context_takeover"
	for _, row := range []struct {
		rule   string
		config Deflate
		offer  string
		want   string
	}{
		{"default: no context takeover both ways", Deflate{}, pmd, pmd + none},
		{"7.1 nothing offered, all wanted", deflateFull, pmd, pmd},
		{"7.1.1.1 server_no_context_takeover asked for", deflateFull, pmd + "; server_no_context_takeover", pmd + "; server_no_context_takeover"},
		{"7.1.1.2 client_no_context_takeover is a hint", deflateFull, pmd + "; client_no_context_takeover", pmd + "; client_no_context_takeover"},
		{"7.1.2.1 the same value", deflateFull, pmd + "; server_max_window_bits=9", pmd + "; server_max_window_bits=9"},
		{"7.1.2.1 window 8", deflateFull, pmd + "; server_max_window_bits=8", pmd + "; server_max_window_bits=8"},
		{"7.1.2.1 15 is answered", deflateFull, pmd + "; server_max_window_bits=15", pmd + "; server_max_window_bits=15"},
		{"7.1.2.1 a smaller value", limited, pmd + "; server_max_window_bits=14", pmd + "; client_no_context_takeover; server_max_window_bits=11"},
		{"7.1.2.1 unasked", limited, pmd, pmd + "; client_no_context_takeover; server_max_window_bits=11"},
		{"7.1.2.2 without a value, no limit", deflateFull, pmd + "; client_max_window_bits", pmd},
		{"7.1.2.2 without a value, a limit", limited, pmd + "; client_max_window_bits", pmd + "; server_max_window_bits=11; client_max_window_bits=10"},
		{"7.1.2.2 a hint", deflateFull, pmd + "; client_max_window_bits=12", pmd + "; client_max_window_bits=12"},
		{"7.1.2.2 a hint of 8", deflateFull, pmd + "; client_max_window_bits=8", pmd + "; client_max_window_bits=8"},
		{"7.1.2.2 a hint below the limit", limited, pmd + "; client_max_window_bits=9", pmd + "; server_max_window_bits=11; client_max_window_bits=9"},
		{"7.1.2.2 a hint above the limit", limited, pmd + "; client_max_window_bits=15", pmd + "; server_max_window_bits=11; client_max_window_bits=10"},
		{"never ask for 8", Deflate{ServerMaxWindowBits: 8, ClientMaxWindowBits: 8}, pmd + "; client_max_window_bits", pmd + none + "; server_max_window_bits=9; client_max_window_bits=9"},
		{"limits beyond 15 are none", Deflate{ServerMaxWindowBits: 16, ClientMaxWindowBits: 99}, pmd + "; client_max_window_bits", pmd + none},
		{"9.1 quoted value", deflateFull, pmd + `; server_max_window_bits="10"`, pmd + "; server_max_window_bits=10"},
		{"9.1 quoted pair", deflateFull, pmd + `; server_max_window_bits="1\0"`, pmd + "; server_max_window_bits=10"},
		{"5.1 other extensions are passed over", deflateFull, "x-webkit-deflate-frame, " + pmd, pmd},
		{"5.1 the first of two good offers", deflateFull, pmd + "; server_max_window_bits=10, " + pmd, pmd + "; server_max_window_bits=10"},
		{"7.1 a bad offer, then a good one", deflateFull, pmd + "; mode=fast, " + pmd, pmd},

		{"7.1 unknown parameter", deflateFull, pmd + "; memory=8", ""},
		{"7.1 parameter in another case", deflateFull, pmd + "; Server_No_Context_Takeover", ""},
		{"name in another case", deflateFull, "Permessage-Deflate", ""},
		{"7.1 server_no_context_takeover twice", deflateFull, pmd + "; server_no_context_takeover; server_no_context_takeover", ""},
		{"7.1 client_no_context_takeover twice", deflateFull, pmd + "; client_no_context_takeover; client_no_context_takeover", ""},
		{"7.1 server_max_window_bits twice", deflateFull, pmd + "; server_max_window_bits=10; server_max_window_bits=10", ""},
		{"7.1 client_max_window_bits twice", deflateFull, pmd + "; client_max_window_bits; client_max_window_bits", ""},
		{"7.1 client_max_window_bits with and without a value", deflateFull, pmd + "; client_max_window_bits=10; client_max_window_bits", ""},
		{"7.1.1.1 needless value", deflateFull, pmd + "; server_no_context_takeover=1", ""},
		{"7.1.1.1 needless value in quotes", deflateFull, pmd + `; server_no_context_takeover="true"`, ""},
		{"7.1.1.2 needless value", deflateFull, pmd + "; client_no_context_takeover=1", ""},
		{"7.1.2.1 missing value", deflateFull, pmd + "; server_max_window_bits", ""},
		{"7.1.2.1 below 8", deflateFull, pmd + "; server_max_window_bits=7", ""},
		{"7.1.2.1 above 15", deflateFull, pmd + "; server_max_window_bits=16", ""},
		{"7.1.2.1 leading zero", deflateFull, pmd + "; server_max_window_bits=09", ""},
		{"7.1.2.1 leading zero of two digits", deflateFull, pmd + "; server_max_window_bits=010", ""},
		{"7.1.2.1 zero", deflateFull, pmd + "; server_max_window_bits=0", ""},
		{"7.1.2.1 sign", deflateFull, pmd + "; server_max_window_bits=+9", ""},
		{"7.1.2.1 negative", deflateFull, pmd + "; server_max_window_bits=-9", ""},
		{"7.1.2.1 not decimal", deflateFull, pmd + "; server_max_window_bits=1e", ""},
		{"7.1.2.2 below 8", deflateFull, pmd + "; client_max_window_bits=7", ""},
		{"7.1.2.2 above 15", deflateFull, pmd + "; client_max_window_bits=16", ""},
		{"7.1.2.2 leading zero", deflateFull, pmd + "; client_max_window_bits=08", ""},
		{"7.1.2.2 far above 15", deflateFull, pmd + "; client_max_window_bits=265", ""},
		{"nothing offered", deflateFull, "", ""},
		{"another extension only", deflateFull, "permessage-bzip2", ""},
	} {
		p, ok := row.config.Accept(offersIn(row.offer))
		got := ""
		if ok {
			got = p.String()
		}
		if got != row.want {
			t.Errorf("%s:\n%s\nis answered %q, want %q", row.rule, row.offer, got, row.want)
		}
		if !ok && p != (DeflateParams{}) {
			t.Errorf("%s: declined with %v", row.rule, p)
		}
	}
}

func TestDeflateOffer(t *testing.T) {
	for _, row := range []struct {
		config Deflate
		want   string
	}{
		{Deflate{}, pmd + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		{deflateFull, pmd + "; client_max_window_bits"},
		{Deflate{ServerContextTakeover: true, ServerMaxWindowBits: 12}, pmd + "; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits"},
		{Deflate{ClientContextTakeover: true, ClientMaxWindowBits: 10}, pmd + "; server_no_context_takeover; client_max_window_bits=10"},
		{Deflate{ServerMaxWindowBits: 8, ClientMaxWindowBits: 8}, pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9"},
	} {
		if got := row.config.Offer(); got != row.want {
			t.Errorf("%+v offers %q, want %q", row.config, got, row.want)
		}
	}
}

func TestDeflateAgree(t *testing.T) {
	small := Deflate{ServerContextTakeover: true, ClientContextTakeover: true, ServerMaxWindowBits: 11, ClientMaxWindowBits: 10}
	for _, row := range []struct {
		rule     string
		config   Deflate
		response string
		want     DeflateParams
		ok       bool
		fault    *HandshakeError
	}{
		{"5.1 not accepted", deflateFull, "", DeflateParams{}, false, nil},
		{"5.1 another extension accepted", deflateFull, "x", DeflateParams{}, false, nil},
		{"7.1 as offered", deflateFull, pmd, DeflateParams{}, true, nil},
		{"7.1 beside another extension", deflateFull, "x, " + pmd + ", y", DeflateParams{}, true, nil},
		{"7.1.1.1 unasked", deflateFull, pmd + "; server_no_context_takeover", DeflateParams{ServerNoContextTakeover: true}, true, nil},
		{"7.1.1.2 unasked", deflateFull, pmd + "; client_no_context_takeover", DeflateParams{ClientNoContextTakeover: true}, true, nil},
		{"7.1.1.2 the client's own word holds", Deflate{}, pmd + "; server_no_context_takeover", DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}, true, nil},
		{"7.1.2.1 unasked", deflateFull, pmd + "; server_max_window_bits=8", DeflateParams{ServerMaxWindowBits: 8}, true, nil},
		{"7.1.2.1 smaller", small, pmd + "; server_max_window_bits=9", DeflateParams{ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}, true, nil},
		{"7.1.2.2 a limit", deflateFull, pmd + "; client_max_window_bits=8", DeflateParams{ClientMaxWindowBits: 8}, true, nil},
		{"7.1.2.2 a limit below the hint", small, pmd + "; server_max_window_bits=11; client_max_window_bits=9", DeflateParams{ServerMaxWindowBits: 11, ClientMaxWindowBits: 9}, true, nil},
		{"7.1.2.2 a limit above the hint", small, pmd + "; server_max_window_bits=11; client_max_window_bits=15", DeflateParams{ServerMaxWindowBits: 11, ClientMaxWindowBits: 10}, true, nil},

		{"5.1 accepted twice", deflateFull, pmd + ", " + pmd, DeflateParams{}, false, errDeflateTwice},
		{"7.1 unknown parameter", deflateFull, pmd + "; memory=8", DeflateParams{}, false, errDeflateParams},
		{"7.1 parameter twice", deflateFull, pmd + "; server_max_window_bits=9; server_max_window_bits=9", DeflateParams{}, false, errDeflateParams},
		{"7.1.1.1 needless value", deflateFull, pmd + "; server_no_context_takeover=0", DeflateParams{}, false, errDeflateParams},
		{"7.1.2.1 missing value", deflateFull, pmd + "; server_max_window_bits", DeflateParams{}, false, errDeflateParams},
		{"7.1.2.1 invalid value", deflateFull, pmd + "; server_max_window_bits=16", DeflateParams{}, false, errDeflateParams},
		{"7.1.2.2 missing value", deflateFull, pmd + "; client_max_window_bits", DeflateParams{}, false, errDeflateParams},
		{"7.1.2.2 invalid value", deflateFull, pmd + "; client_max_window_bits=07", DeflateParams{}, false, errDeflateParams},
		{"7.1.1.1 asked for, not there", Deflate{}, pmd, DeflateParams{}, false, errDeflateTakeover},
		{"7.1.2.1 asked for, not there", small, pmd, DeflateParams{}, false, errDeflateWindow},
		{"7.1.2.1 asked for, larger", small, pmd + "; server_max_window_bits=12", DeflateParams{}, false, errDeflateWindow},
		{"9.1 malformed", deflateFull, pmd + ";", DeflateParams{}, false, errExtensions},
	} {
		p, ok, err := row.config.Agree([]byte(row.response))
		if row.fault == nil && err != nil || row.fault != nil && (err == nil || handshakeError(t, err) != row.fault) {
			t.Errorf("%s: %q: error %v, want %v", row.rule, row.response, err, row.fault)
		}
		if ok != row.ok || p != row.want {
			t.Errorf("%s: %q: %+v, %t; want %+v, %t", row.rule, row.response, p, ok, row.want, row.ok)
		}
	}
}

// deflateConfigs are all that differ in what they negotiate.
func deflateConfigs(yield func(*Deflate) bool) {
	for i := range 4 {
		for _, server := range []int{0, 9, 12, 15} {
			for _, client := range []int{0, 9, 12, 15} {
				c := &Deflate{
					ServerContextTakeover: i&1 != 0, ClientContextTakeover: i&2 != 0,
					ServerMaxWindowBits: server, ClientMaxWindowBits: client,
				}
				if !yield(c) {
					return
				}
			}
		}
	}
}

// Whatever two endpoints want, they agree, and on the same.
func TestDeflateAgreeWithAccept(t *testing.T) {
	for client := range deflateConfigs {
		for server := range deflateConfigs {
			offer := client.Offer()
			if u := (&ClientUpgrade{Host: "h", Key: "AAAAAAAAAAAAAAAAAAAAAA==", Extensions: offer}); u.check() != nil {
				t.Fatalf("%q cannot be offered: %v", offer, u.check())
			}
			accepted, ok := server.Accept(offersIn(offer))
			agreed, yes, err := client.Agree([]byte(accepted.String()))
			if !ok || !yes || err != nil {
				t.Fatalf("offer %q, response %q: %t, %t, %v", offer, accepted, ok, yes, err)
			}
			for _, role := range roles {
				serverTakeover, serverBits := accepted.of(role)
				clientTakeover, clientBits := agreed.of(role)
				if serverTakeover != clientTakeover || serverBits != clientBits {
					t.Errorf("offer %q, response %q: the %v compresses with %t, %d to the server and %t, %d to the client",
						offer, accepted, role, serverTakeover, serverBits, clientTakeover, clientBits)
				}
				if wanted := client.ServerContextTakeover && server.ServerContextTakeover; role == Server && serverTakeover != wanted {
					t.Errorf("offer %q, response %q: server takeover %t", offer, accepted, serverTakeover)
				}
			}
		}
	}
}

// FuzzDeflateOffer: what Accept answers to any offer is a valid response that the offer allows.
func FuzzDeflateOffer(f *testing.F) {
	for _, seed := range []string{
		pmd, pmd + "; client_max_window_bits", pmd + "; server_max_window_bits=9, " + pmd,
		pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=\"15\"",
		pmd + "; server_max_window_bits=08", pmd + "; a=1, " + pmd + ";client_max_window_bits;client_max_window_bits",
	} {
		f.Add(seed, true, false, 0, 12)
	}
	f.Fuzz(func(t *testing.T, list string, serverTakeover, clientTakeover bool, serverBits, clientBits int) {
		c := &Deflate{
			ServerContextTakeover: serverTakeover, ClientContextTakeover: clientTakeover,
			ServerMaxWindowBits: serverBits, ClientMaxWindowBits: clientBits,
		}
		p, ok := c.Accept(offersIn(list))
		if !ok {
			return
		}
		answer := p.String()
		for e, err := range Extensions([]byte(answer)) {
			response, valid := parseDeflate(e)
			if err != nil || !valid || response.DeflateParams != p {
				t.Fatalf("%q is answered %q, which is %+v, %t, %v", list, answer, response, valid, err)
			}
		}
		if strings.Contains(answer, clientMaxWindowBits) && !strings.Contains(list, clientMaxWindowBits) {
			t.Errorf("%q is answered %q", list, answer)
		}
		if takeover, _ := p.of(Server); takeover && !serverTakeover {
			t.Errorf("%q is answered %q against the configuration", list, answer)
		}
		if takeover, bits := p.of(Client); takeover && (!clientTakeover || bits > limitBits(clientBits)) {
			t.Errorf("%q is answered %q against the configuration", list, answer)
		}
	})
}
