package conform

import "testing"

// TestDeflateFault holds which answers to offers are found wrong.
func TestDeflateFault(t *testing.T) {
	const pmd = "permessage-deflate"
	for _, row := range []struct {
		offers []string
		answer string
		ok     bool
	}{
		{[]string{pmd}, pmd, true},
		{[]string{pmd}, pmd + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9", true},
		{[]string{pmd}, pmd + "; client_max_window_bits=9", false},
		{[]string{pmd + "; client_max_window_bits"}, pmd + "; client_max_window_bits=9", true},
		{[]string{pmd + "; client_max_window_bits"}, pmd + "; client_max_window_bits", false},
		{[]string{pmd + "; server_no_context_takeover"}, pmd, false},
		{[]string{pmd + "; server_no_context_takeover"}, pmd + "; server_no_context_takeover", true},
		{[]string{pmd + "; server_max_window_bits=10"}, pmd, false},
		{[]string{pmd + "; server_max_window_bits=10"}, pmd + "; server_max_window_bits=11", false},
		{[]string{pmd + "; server_max_window_bits=10"}, pmd + "; server_max_window_bits=10", true},
		{[]string{pmd + "; server_max_window_bits=9", pmd}, pmd, true}, // the second
		{[]string{pmd + "; server_max_window_bits=7"}, pmd, false},
		{[]string{pmd + "; x", pmd}, pmd, true},
		{[]string{pmd}, pmd + "; server_max_window_bits=08", false},
		{[]string{pmd}, pmd + "; server_no_context_takeover=1", false},
		{[]string{pmd}, pmd + "; server_no_context_takeover; server_no_context_takeover", false},
		{[]string{pmd}, pmd + "; x", false},
		{[]string{pmd}, "x-other", false},
	} {
		if fault := deflateFault(row.offers, []string{row.answer}); (fault == "") != row.ok {
			t.Errorf("%q to %q: %q", row.answer, row.offers, fault)
		}
	}
	if deflateFault([]string{pmd}, []string{pmd, pmd}) == "" {
		t.Error("two answers are one too many")
	}
}
