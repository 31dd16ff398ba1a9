package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"example.org/weir/reactor"
	"example.org/weir/reactor/natsbus"
)

// figures collects what is made of counts, so that Prometheus can be asked for it.
type figures func(samples)

func (figures) Describe(chan<- *prometheus.Desc)      {}
func (f figures) Collect(ch chan<- prometheus.Metric) { f(samples{ch}) }

// TestMetricsOfCounts holds that each count is told under its own name: all are different.
func TestMetricsOfCounts(t *testing.T) {
	st := reactor.Stats{
		Conns: 101, Congested: 102, Buffered: 103, Accepted: 104, Opened: 105, Dropped: 106, Rejected: 107, Slow: 108, Shed: 109, Panics: 110,
		Refused:  map[reactor.Refusal]uint64{{Status: 429, Reason: reactor.RefusedClient}: 111},
		Closed:   map[reactor.CloseKind]uint64{{Code: 1006}: 112, {Code: 1001}: 113, {Code: 1000, Remote: true}: 114},
		Received: reactor.Traffic{Text: 115, Binary: 116, Control: 117, Bytes: 118, TextBytes: 151, BinaryBytes: 152, ControlBytes: 153},
		Sent:     reactor.Traffic{Text: 119, Binary: 120, Control: 121, Bytes: 122, TextBytes: 154, BinaryBytes: 155, ControlBytes: 156},
		Inflated: reactor.Compression{Plain: 123, Wire: 124}, Deflated: reactor.Compression{Plain: 125, Wire: 126},
		PingTime: reactor.Histogram{Sum: 127e9}, HandlerTime: reactor.Histogram{Sum: 128e9}, FanoutTime: reactor.Histogram{Sum: 129e9},
		Loops: []reactor.LoopStats{{Loop: 3, Conns: 130, Lag: 131 * time.Second}},
	}
	ts := reactor.TopicStats{Patterns: 132, Subscriptions: 133, Published: 134, Delivered: 135, Missed: 136, SlowClosed: 137, BusMissed: 138, BusErrors: 139}
	ns := natsbus.Stats{
		Connected: true, Reconnects: 140, Subscriptions: 141, Out: 142, OutBytes: 143, In: 144, InBytes: 145,
		Lost: 146, Dropped: 147, Errors: 148, Backlog: 149,
	}
	r := prometheus.NewRegistry()
	r.MustRegister(figures(func(s samples) {
		s.server(st, 150)
		s.topics(st, ts)
		s.nats(ns)
	}))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum() // it has one of them
			fmt.Fprintln(&got, strings.Join(append([]string{f.GetName()}, labels...), " "), value)
		}
	}
	if got.String() != toldOfCounts {
		t.Errorf("got\n%s\nwant\n%s", &got, toldOfCounts)
	}
}

const toldOfCounts = `weir_bus_errors_total 139
weir_bytes_total direction=in 118
weir_bytes_total direction=out 122
weir_closes_total code=1000 side=client 114
weir_closes_total code=1001 side=server 113
weir_closes_total code=1006 side=none 112
weir_connections 101
weir_connections_total 104
weir_deflate_bytes_total direction=in form=plain 123
weir_deflate_bytes_total direction=in form=wire 124
weir_deflate_bytes_total direction=out form=plain 125
weir_deflate_bytes_total direction=out form=wire 126
weir_deliveries_total 135
weir_fanout_seconds 129
weir_handler_seconds 128
weir_handshakes_refused_total reason=client_full status=429 111
weir_handshakes_total 105
weir_loop_connections loop=3 130
weir_loop_lag_seconds loop=3 131
weir_messages_dropped_total policy=bus 138
weir_messages_dropped_total policy=drop 106
weir_messages_dropped_total policy=nats_in 147
weir_messages_dropped_total policy=nats_out 146
weir_messages_dropped_total policy=reject 107
weir_messages_dropped_total policy=subscriber 136
weir_messages_total direction=in type=binary 116
weir_messages_total direction=in type=control 117
weir_messages_total direction=in type=text 115
weir_messages_total direction=out type=binary 120
weir_messages_total direction=out type=control 121
weir_messages_total direction=out type=text 119
weir_nats_backlog 149
weir_nats_bytes_total direction=in 145
weir_nats_bytes_total direction=out 143
weir_nats_connected 1
weir_nats_errors_total 148
weir_nats_messages_total direction=in 144
weir_nats_messages_total direction=out 142
weir_nats_reconnects_total 140
weir_nats_subscriptions 141
weir_outbound_buffered_bytes 103
weir_panics_total 110
weir_payload_bytes_total direction=in type=binary 152
weir_payload_bytes_total direction=in type=control 153
weir_payload_bytes_total direction=in type=text 151
weir_payload_bytes_total direction=out type=binary 155
weir_payload_bytes_total direction=out type=control 156
weir_payload_bytes_total direction=out type=text 154
weir_ping_rtt_seconds 127
weir_published_total 134
weir_slow_consumers 102
weir_slow_consumers_closed_total reason=memory 109
weir_slow_consumers_closed_total reason=outbound 108
weir_slow_consumers_closed_total reason=queue 137
weir_subscriptions 133
weir_tls_handshake_failures_total 150
weir_topics 132
`
