package clients

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	natsserver "github.com/nats-io/nats-server/v2/server"
)

// startNATS starts a NATS server and returns its URL.
func startNATS(t *testing.T) string {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.WaitForShutdown)
	t.Cleanup(s.Shutdown)
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server does not start")
	}
	return s.ClientURL()
}

// testTopicTabs opens the page of two servers behind one NATS server, publishes from one tab to the other,
// and ends a server: its tab comes back by itself when there is one again.
func testTopicTabs(t *testing.T, browser context.Context) {
	nats := startNATS(t)
	one := start(t, nil, "-app", "topics", "-nats", nats)
	two := start(t, nil, "-app", "topics", "-nats", nats)
	tabs := []context.Context{newTab(t, browser), newTab(t, browser)}
	for i, s := range []*server{one, two} {
		do(t, tabs[i], chromedp.Navigate(s.page()))
		connect(t, tabs[i], "")
		enter(t, tabs[i], "#pattern", "rooms.*")
		do(t, tabs[i], chromedp.Click(chromedp.CSS("#subscribe")))
		awaitPage(t, tabs[i], `document.querySelector('#subscriptions').innerText.includes('rooms.*')`)
	}

	publishTo(t, tabs[0], tabs[1], "rooms.a", `{"say": "hello"}`, `{"say":"hello"}`)
	publishTo(t, tabs[1], tabs[0], "rooms.b", "hello world!", "hello world!")
	enter(t, tabs[0], "#topic", "rooms.a")
	do(t, tabs[0], chromedp.Click(chromedp.CSS("#presence")))
	awaitPage(t, tabs[0], `document.querySelector('#publish-note').innerText === 'rooms.a has 1 subscription on this server.'`)
	enter(t, tabs[0], "#topic", "rooms..a")
	do(t, tabs[0], chromedp.Click(chromedp.CSS("#publish")))
	awaitPage(t, tabs[0], `document.querySelector('#publish-note.bad')?.innerText.includes('malformed topic')`)

	if err := two.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitPage(t, tabs[1], `document.querySelector('#log').innerText.includes('closed: 1001')`)
	again := start(t, nil, "-app", "topics", "-nats", nats, "-addr", strings.TrimPrefix(two.addrs[0], "tcp://"))
	awaitPage(t, tabs[1], `document.querySelector('#state').dataset.state === 'open'`)
	publishTo(t, tabs[0], tabs[1], "rooms.c", "welcome back", "welcome back")
	if log := again.log(); !strings.Contains(log, "connected to NATS") {
		t.Errorf("the log of the server: %s", log)
	}

	do(t, tabs[1], chromedp.Click(chromedp.CSS("#subscriptions button")))
	awaitPage(t, tabs[1], `document.querySelector('#subscribe-note').innerText === 'No longer subscribed to rooms.*.'`)
	do(t, tabs[1], chromedp.Click(chromedp.CSS("#disconnect")))
	awaitPage(t, tabs[1], `document.querySelector('#state').dataset.state === 'closed'`)
}

// publishTo publishes from a tab until another shows it: NATS takes a moment to know who listens.
func publishTo(t *testing.T, from, to context.Context, topic, data, shown string) {
	t.Helper()
	enter(t, from, "#topic", topic)
	enter(t, from, "#data", data)
	row := fmt.Sprintf(`[...document.querySelectorAll('#log .received')].some((e) =>
		e.querySelector('.topic').innerText === %q && e.querySelector('.body').innerText === %q)`, topic, shown)
	for deadline := time.Now().Add(patience); ; {
		do(t, from, chromedp.Click(chromedp.CSS("#publish")))
		if evaluate(t, to, chromedp.Evaluate[bool](row)) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not arrive", shown)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// enter types text in place of what is in a field.
func enter(t *testing.T, tab context.Context, field, text string) {
	t.Helper()
	do(t, tab,
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).select()`, field)),
		chromedp.SendKeys(chromedp.CSS(field), text))
}

// awaitPage waits for a condition.
func awaitPage(t *testing.T, tab context.Context, condition string) {
	t.Helper()
	if _, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(20*time.Millisecond))); err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
}
