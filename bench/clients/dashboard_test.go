package clients

import (
	"context"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// adminURL is where the server serves what is for its operator.
func adminURL(t *testing.T, s *server) string {
	t.Helper()
	found := regexp.MustCompile(`msg=admin url=(\S+)`).FindStringSubmatch(s.log())
	if found == nil {
		t.Fatalf("the log does not say where -admin is:\n%s", s.log())
	}
	return found[1]
}

// testDashboard watches a server under load, loses it, and finds it again.
func testDashboard(t *testing.T, browser context.Context) {
	s := start(t, nil, "-admin", "127.0.0.1:0")
	admin := adminURL(t, s)
	quiet := newTab(t, browser)
	expectSilentConsole(t, quiet)
	do(t, quiet, chromedp.Navigate(admin))
	awaitPage(t, quiet, `document.querySelector('#state').dataset.state === 'open'`)
	awaitPage(t, quiet, figure("connections")+` === 0 && `+figure("messagesIn")+` === 0`)
	load(t, s)
	awaitPage(t, quiet, figure("connections")+` === 3`)
	for _, name := range []string{"messagesIn", "messagesOut", "bytesIn", "bytesOut", "memory", "heap", "cpu"} {
		awaitPage(t, quiet, figure(name)+` > 0`)
	}
	// It goes on changing, and so do the charts.
	before := evaluate(t, quiet, chromedp.Evaluate[string](points))
	awaitPage(t, quiet, points+` !== `+quote(before)+` && `+points+`.split(' ').length > 2`)
	awaitPage(t, quiet, `document.querySelector('#loops').rows.length > 0`)

	do(t, quiet, chromedp.Navigate(admin+"/connections?sort=in"))
	awaitPage(t, quiet, `document.querySelectorAll('tbody tr').length === 3`)
	if got := evaluate(t, quiet, chromedp.Text(chromedp.CSS("tbody"))); !strings.Contains(got, "/load") || !strings.Contains(got, "127.0.0.1:") {
		t.Errorf("the connections are %q", got)
	}

	tab := newTab(t, browser)
	do(t, tab, chromedp.Navigate(admin))
	awaitPage(t, tab, `document.querySelector('#state').dataset.state === 'open'`)
	if err := s.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitPage(t, tab, `document.querySelector('#state').innerText.includes('Lost connection')`)
	start(t, nil, "-admin", strings.TrimPrefix(admin, "http://"))
	awaitPage(t, tab, `document.querySelector('#state').dataset.state === 'open' && document.querySelector('#state').innerText.includes('Ready')`)
}

// points is the first chart's line.
const points = `document.querySelector('polyline').getAttribute('points')`

// figure is one that the dashboard shows.
func figure(name string) string {
	return `Number(document.querySelector('[data-figure="` + name + `"]').dataset.value)`
}

func quote(s string) string { return "'" + s + "'" }

// load has three clients echo, until the server closes them or the test ends.
func load(t *testing.T, s *server) {
	t.Helper()
	for range 3 {
		c := gorillaTo(t, s.url("/load"))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if c.send("text", []byte("hello world!"), 0) != nil {
					return
				}
				if _, _, err := c.receive(); err != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		t.Cleanup(func() {
			c.drop()
			<-done
		})
	}
}
