package clients

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

//go:embed chromium/exchanges.js
var browserExchanges string

// TestChromium opens its tabs in one browser, one test after the other.
func TestChromium(t *testing.T) {
	t.Parallel()
	browser := startChromium(t)
	t.Run("demo page", func(t *testing.T) { testDemoPage(t, browser) })
	t.Run("chat between two tabs", func(t *testing.T) { testChatTabs(t, browser) })
	t.Run("topics between two servers", func(t *testing.T) { testTopicTabs(t, browser) })
	t.Run("dashboard", func(t *testing.T) { testDashboard(t, browser) })
	t.Run("page from a file", func(t *testing.T) { testFilePage(t, browser) })
	t.Run("exchanges", func(t *testing.T) { testBrowserExchanges(t, browser, echoServer, "") })
	t.Run("page over TLS", func(t *testing.T) { testSecurePage(t, browser) })
	t.Run("exchanges over TLS", func(t *testing.T) { testBrowserExchanges(t, browser, secureServer, "") })
	t.Run("exchanges over TLS, compressed", func(t *testing.T) {
		testBrowserExchanges(t, browser, compressedServer, permessageDeflate)
	})
}

func startChromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		missing(t, "Chromium is not installed")
	}
	// The flags keep the browser from every address but the server's. Root has no sandbox.
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("ignore-certificate-errors-spki-list", certificate.keyHash),
	)
	// The deadline ends whatever a step waits for, and the browser with it.
	bounded, cancel := context.WithTimeout(context.Background(), 8*patience)
	t.Cleanup(cancel)
	allocator, cancel := chromedp.NewExecAllocator(bounded, options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return browser
}

// testDemoPage clicks through the page that the server serves, as a person would.
func testDemoPage(t *testing.T, browser context.Context) {
	s := echoServer.get(t)
	tab := newTab(t, browser)
	expectSilentConsole(t, tab)
	do(t, tab, chromedp.Navigate(s.page()))
	if got := evaluate(t, tab, chromedp.Value(chromedp.CSS("#url"))); got != s.url("/") {
		t.Errorf("the page proposes %q, want the server that it came from, %q", got, s.url("/"))
	}
	connect(t, tab, "")
	say(t, tab, "hello world!")
	expectInLog(t, tab, "hello world!")
}

func testChatTabs(t *testing.T, browser context.Context) {
	s := chatServer.get(t)
	page := s.page()
	tabs := []context.Context{newTab(t, browser), newTab(t, browser), newTab(t, browser)}
	for i, room := range []string{"/tabs", "/tabs", "/elsewhere"} {
		do(t, tabs[i], chromedp.Navigate(page))
		connect(t, tabs[i], s.url(room))
	}
	say(t, tabs[0], "hello from the first tab")
	expectInLog(t, tabs[0], "hello from the first tab")
	expectInLog(t, tabs[1], "hello from the first tab")
	say(t, tabs[1], "hello from the second tab")
	expectInLog(t, tabs[0], "hello from the second tab")
	// What is said in the other room comes back; had it heard the rest, that would stand before.
	say(t, tabs[2], "hello, anyone?")
	expectInLog(t, tabs[2], "hello, anyone?")
	if got := evaluate(t, tabs[2], chromedp.Text(chromedp.CSS("#log"))); strings.Contains(got, "tab") {
		t.Errorf("the log in the other room: %q, want only its own message", got)
	}
}

// testFilePage opens the page from a file: the browser then says "Origin: null" (RFC 6454,
// section 6.1), which weir accepts.
func testFilePage(t *testing.T, browser context.Context) {
	s := echoServer.get(t)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, demoPage(t, s), 0o644); err != nil {
		t.Fatal(err)
	}
	tab := newTab(t, browser)
	expectSilentConsole(t, tab)
	handshakes := chromedp.Events(tab, network.WebSocketWillSendHandshakeRequest)
	do(t, tab, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	connect(t, tab, s.url("/"))
	say(t, tab, "hello world!")
	expectInLog(t, tab, "hello world!")
	for handshake, err := range handshakes {
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(handshake.Request.Headers["Origin"]); got != "null" {
			t.Errorf("the browser sent Origin: %s, want null", got)
		}
		break
	}
}

func testBrowserExchanges(t *testing.T, browser context.Context, h *sharedServer, extension string) {
	s := h.get(t)
	tab := newTab(t, browser)
	do(t, tab, chromedp.Navigate(s.page()))
	var table []json.RawMessage
	if err := json.Unmarshal(exchangesJSON, &table); err != nil {
		t.Fatal(err)
	}
	var can []json.RawMessage
	for i, x := range exchanges {
		if x.Do != "ping" && x.Fragment == 0 {
			can = append(can, table[i])
		}
	}
	arguments, err := json.Marshal(can)
	if err != nil {
		t.Fatal(err)
	}
	call := fmt.Sprintf("(%s)(%q, %q, %s)", strings.TrimSpace(browserExchanges), s.url("/"), extension, arguments)
	results := evaluate(t, tab, chromedp.Evaluate[[]scriptResult](call, chromedp.EvalAwaitPromise))
	if len(results) != len(can) {
		t.Errorf("%d results for %d exchanges", len(results), len(can))
	}
	for _, result := range results {
		t.Run(result.Name, func(t *testing.T) {
			if !result.OK {
				t.Error(result.Detail)
			}
		})
	}
}

// demoPage returns the page that the server serves on a plain GET.
func demoPage(t *testing.T, s *server) []byte {
	t.Helper()
	resp, err := http.Get(s.page())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("GET /: %s, %s, want 200 and text/html", resp.Status, resp.Header.Get("Content-Type"))
	}
	return body
}

func newTab(t *testing.T, browser context.Context) context.Context {
	t.Helper()
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	do(t, tab)
	return tab
}

// do runs steps, which the browser's deadline bounds.
func do(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(tab, steps...); err != nil {
		t.Fatal(err)
	}
}

// evaluate runs an action and returns its result.
func evaluate[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	got, err := chromedp.Run(tab, action)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// connect clicks Connect, with url in the field unless it is empty, and waits until it is open.
func connect(t *testing.T, tab context.Context, url string) {
	t.Helper()
	if url != "" {
		do(t, tab, chromedp.SetValue(chromedp.CSS("#url"), url))
	}
	do(t, tab, chromedp.Click(chromedp.CSS("#connect")))
	evaluate(t, tab, chromedp.Poll[bool](`/^\s*open/i.test(document.querySelector('#state').innerText)`,
		chromedp.WithPollingTimeout(patience), chromedp.WithPollingMutation()))
}

// say types message in place of what is there, and clicks Send.
func say(t *testing.T, tab context.Context, message string) {
	t.Helper()
	do(t, tab,
		chromedp.Evaluate[chromedp.Void](`document.querySelector('#message').select()`),
		chromedp.SendKeys(chromedp.CSS("#message"), message),
		chromedp.Click(chromedp.CSS("#send")))
}

// expectInLog waits until the log shows message as received, for it shows what was sent too.
func expectInLog(t *testing.T, tab context.Context, message string) {
	t.Helper()
	shown := fmt.Sprintf(`[...document.querySelectorAll('#log .received')].some((e) => e.innerText.includes(%q))`, message)
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](shown, chromedp.WithPollingTimeout(patience), chromedp.WithPollingMutation())); err != nil {
		t.Fatalf("%v: %q is not in the log as received", err, message)
	}
}

// expectSilentConsole fails the test at its end if the tab's console then holds an error.
func expectSilentConsole(t *testing.T, tab context.Context) {
	t.Helper()
	messages := chromedp.Console(tab)
	t.Cleanup(func() {
		const end = "end of the test"
		evaluate(t, tab, chromedp.Evaluate[*string](`console.log("`+end+`")`))
		for m, err := range messages {
			if err != nil {
				t.Fatal(err)
			}
			if m.Text == end {
				return
			}
			if m.Type == chromedp.ConsoleError || m.IsException() {
				t.Errorf("the console says %s", m)
			}
		}
	})
}
