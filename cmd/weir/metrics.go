package main

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.org/weir/codec"
	"example.org/weir/reactor"
	"example.org/weir/reactor/natsbus"
)

// metric is one that weir has, in the form that Prometheus gives it.
type metric struct {
	name   string
	kind   prometheus.ValueType // untyped: a histogram
	desc   *prometheus.Desc
	labels []string
}

// declared are all of them.
var declared []*metric

func declare(kind prometheus.ValueType, name, help string, labels ...string) *metric {
	m := &metric{name, kind, prometheus.NewDesc(name, help, labels, nil), labels}
	declared = append(declared, m)
	return m
}

const (
	gauge     = prometheus.GaugeValue
	counter   = prometheus.CounterValue
	histogram = prometheus.UntypedValue
)

// The metrics. Each is in the table of the README.
var (
	buildInfo = declare(gauge, "weir_build_info", "1, with what runs.", "version", "goversion", "app")
	readiness = declare(gauge, "weir_ready", "1 while /readyz says so.")

	connections = declare(gauge, "weir_connections", "Connections, those in their handshake or closing and those that HTTP serves included.")
	accepted    = declare(counter, "weir_connections_total", "Connections accepted.")
	handshakes  = declare(counter, "weir_handshakes_total", "Opening handshakes done.")
	refused     = declare(counter, "weir_handshakes_refused_total", "Requests refused, by HTTP status and reason.", "status", "reason")
	tlsFailures = declare(counter, "weir_tls_handshake_failures_total", "TLS handshakes that failed.")
	closes      = declare(counter, "weir_closes_total", "Connections closed that had been opened, by close code and by the side that began.", "code", "side")
	panics      = declare(counter, "weir_panics_total", "Panics of handlers and hooks.")

	messages = declare(counter, "weir_messages_total", "Messages, by type; of the type control, frames.", "direction", "type")
	payloads = declare(counter, "weir_payload_bytes_total", "Bytes of the payloads of messages, as the application has them, by type.", "direction", "type")
	octets   = declare(counter, "weir_bytes_total", "Bytes on connections, with frame headers and handshakes, beneath TLS.", "direction")
	deflate  = declare(counter, "weir_deflate_bytes_total", "Bytes of connections that compress, as the application has them (plain) and in frames (wire).", "direction", "form")

	dropped    = declare(counter, "weir_messages_dropped_total", "Messages that clients did not get because they read too slowly, or other servers, by what dropped them.", "policy")
	buffered   = declare(gauge, "weir_outbound_buffered_bytes", "Bytes that wait for clients that read too slowly.")
	slow       = declare(gauge, "weir_slow_consumers", "Connections whose client reads more slowly than it is sent to.")
	slowClosed = declare(counter, "weir_slow_consumers_closed_total", "Connections closed because their clients read too slowly, by what had no room.", "reason")

	pingRTT     = declare(histogram, "weir_ping_rtt_seconds", "Time from a ping for a silent client to its pong.")
	handlerTime = declare(histogram, "weir_handler_seconds", "Time that the application takes for a message, of one message in 64.")
	fanoutTime  = declare(histogram, "weir_fanout_seconds", "Time from a publication to its last delivery, for each event loop.")
	loopLag     = declare(gauge, "weir_loop_lag_seconds", "How long the last tick has waited for the event loop, or waits now.", "loop")
	loopConns   = declare(gauge, "weir_loop_connections", "Connections of the event loop.", "loop")

	topicPatterns = declare(gauge, "weir_topics", "Topics and patterns that have subscribers.")
	subscriptions = declare(gauge, "weir_subscriptions", "Subscriptions of all connections.")
	published     = declare(counter, "weir_published_total", "Messages published, here or by other servers.")
	delivered     = declare(counter, "weir_deliveries_total", "Published messages delivered, counted for each subscription.")
	topicRefusals = declare(counter, "weir_topic_refusals_total", "Requests of clients for topics that they may not use, by what they asked for.", "op")
	busErrors     = declare(counter, "weir_bus_errors_total", "Calls of the way to other servers that failed.")

	natsConnected     = declare(gauge, "weir_nats_connected", "1 while there is a connection to NATS.")
	natsReconnects    = declare(counter, "weir_nats_reconnects_total", "Connections to NATS after the first.")
	natsSubscriptions = declare(gauge, "weir_nats_subscriptions", "Patterns that NATS knows of.")
	natsMessages      = declare(counter, "weir_nats_messages_total", "Messages to and from NATS.", "direction")
	natsBytes         = declare(counter, "weir_nats_bytes_total", "Payload bytes to and from NATS.", "direction")
	natsErrors        = declare(counter, "weir_nats_errors_total", "Errors that NATS has reported.")
	natsBacklog       = declare(gauge, "weir_nats_backlog", "Messages from NATS that wait to be delivered.")

	accessLines = declare(counter, "weir_access_log_dropped_total", "Lines of the access log for which there was no room.")
)

// metrics collects them, at each scrape, from an admin's server.
type metrics struct{ *admin }

// handler serves them, with those of the Go runtime and of the process.
func (m metrics) handler() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Describe tells Prometheus what there is.
func (metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range declared {
		ch <- m.desc
	}
}

// Collect tells Prometheus the values.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	s := samples{ch}
	s.add(buildInfo, 1, version(), runtime.Version(), m.appName)
	s.add(readiness, one(m.unready() == nil))
	srv := m.srv.Load()
	if srv == nil {
		return
	}
	s.add(accessLines, m.access.dropped())
	st := srv.Stats()
	s.server(st, srv.TLSFailures())
	s.topics(st, srv.TopicStats())
	s.refusals(m.admin.topics)
	if bus, ok := srv.Bus.(*natsbus.Bus); ok {
		s.nats(bus.Stats())
	}
}

// samples sends values to Prometheus.
type samples struct{ ch chan<- prometheus.Metric }

func (s samples) add(m *metric, value float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
}

// both adds a value for each direction.
func (s samples) both(m *metric, in, out uint64, labels ...string) {
	s.add(m, float64(in), append([]string{"in"}, labels...)...)
	s.add(m, float64(out), append([]string{"out"}, labels...)...)
}

func (s samples) histogram(m *metric, h reactor.Histogram) {
	buckets := make(map[float64]uint64, len(h.Counts))
	n := uint64(0)
	for i, count := range h.Counts {
		n += count
		if i < len(h.Counts)-1 { // the last has no bound
			buckets[reactor.HistogramBound(i).Seconds()] = n
		}
	}
	s.ch <- prometheus.MustNewConstHistogram(m.desc, n, h.Sum.Seconds(), buckets)
}

func (s samples) server(st reactor.Stats, failures int64) {
	s.add(connections, float64(st.Conns))
	s.add(accepted, float64(st.Accepted))
	s.add(handshakes, float64(st.Opened))
	s.add(tlsFailures, float64(failures))
	s.add(panics, float64(st.Panics))
	for r, n := range st.Refused {
		s.add(refused, float64(n), strconv.Itoa(r.Status), string(r.Reason))
	}
	s.closes(st.Closed)
	s.both(messages, st.Received.Text, st.Sent.Text, "text")
	s.both(messages, st.Received.Binary, st.Sent.Binary, "binary")
	s.both(messages, st.Received.Control, st.Sent.Control, "control")
	s.both(payloads, st.Received.TextBytes, st.Sent.TextBytes, "text")
	s.both(payloads, st.Received.BinaryBytes, st.Sent.BinaryBytes, "binary")
	s.both(payloads, st.Received.ControlBytes, st.Sent.ControlBytes, "control")
	s.both(octets, st.Received.Bytes, st.Sent.Bytes)
	s.both(deflate, st.Inflated.Plain, st.Deflated.Plain, "plain")
	s.both(deflate, st.Inflated.Wire, st.Deflated.Wire, "wire")
	s.add(buffered, float64(st.Buffered))
	s.add(slow, float64(st.Congested))
	s.add(slowClosed, float64(st.Slow), "outbound")
	s.add(slowClosed, float64(st.Shed), "memory")
	s.histogram(pingRTT, st.PingTime)
	s.histogram(handlerTime, st.HandlerTime)
	s.histogram(fanoutTime, st.FanoutTime)
	for _, l := range st.Loops {
		s.add(loopLag, l.Lag.Seconds(), strconv.Itoa(l.Loop))
		s.add(loopConns, float64(l.Conns), strconv.Itoa(l.Loop))
	}
}

// closes adds the closed connections. Clients choose among 2,000 codes of their own: those are counted together.
func (s samples) closes(closed map[reactor.CloseKind]uint64) {
	type labels struct{ code, side string }
	together := make(map[labels]uint64)
	for k, n := range closed {
		code := strconv.Itoa(int(k.Code))
		if k.Remote && k.Code >= 3000 {
			code = code[:1] + "xxx"
		}
		together[labels{code, side(k.Code, k.Remote)}] += n
	}
	for l, n := range together {
		s.add(closes, float64(n), l.code, l.side)
	}
}

func (s samples) topics(st reactor.Stats, ts reactor.TopicStats) {
	s.add(dropped, float64(st.Dropped), "drop")
	s.add(dropped, float64(st.Rejected), "reject")
	s.add(dropped, float64(ts.Missed), "subscriber")
	s.add(dropped, float64(ts.BusMissed), "bus")
	s.add(slowClosed, float64(ts.SlowClosed), "queue")
	s.add(topicPatterns, float64(ts.Patterns))
	s.add(subscriptions, float64(ts.Subscriptions))
	s.add(published, float64(ts.Published))
	s.add(delivered, float64(ts.Delivered))
	s.add(busErrors, float64(ts.BusErrors))
}

// refusals adds what t, which may be nil, has refused.
func (s samples) refusals(t *topics) {
	for i, d := range deeds {
		n := uint64(0)
		if t != nil {
			n = t.refused[i].Load()
		}
		s.add(topicRefusals, float64(n), d.op)
	}
}

func (s samples) nats(st natsbus.Stats) {
	s.add(natsConnected, one(st.Connected))
	s.add(natsReconnects, float64(st.Reconnects))
	s.add(natsSubscriptions, float64(st.Subscriptions))
	s.both(natsMessages, st.In, st.Out)
	s.both(natsBytes, st.InBytes, st.OutBytes)
	s.add(natsErrors, float64(st.Errors))
	s.add(natsBacklog, float64(st.Backlog))
	s.add(dropped, float64(st.Lost), "nats_out")
	s.add(dropped, float64(st.Dropped), "nats_in")
}

// side is who began to close a connection; nobody where it just ended.
func side(code codec.CloseCode, remote bool) string {
	switch {
	case code == codec.CloseAbnormal:
		return "none"
	case remote:
		return "client"
	}
	return "server"
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
