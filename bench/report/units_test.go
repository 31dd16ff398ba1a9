package report

import "testing"

func TestUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{duration(0), "0 ns"},
		{duration(850), "850 ns"},
		{duration(999.4), "999 ns"},
		{duration(999.6), "1.00 µs"},
		{duration(1234), "1.23 µs"},
		{duration(12_345), "12.3 µs"},
		{duration(99_960), "100 µs"},
		{duration(999_600), "1.00 ms"},
		{duration(1_500_000_000), "1.50 s"},
		{duration(600e9), "600 s"},
		{duration(5400e9), "5400 s"},
		{size(0), "0 B"},
		{size(999), "999 B"},
		{size(1000), "0.98 KiB"},
		{size(2048), "2.00 KiB"},
		{size(1.5 * (1 << 20)), "1.50 MiB"},
		{size(-3000), "-2.93 KiB"},
		{perSecond(0), "0/s"},
		{perSecond(0.5), "0.50/s"},
		{perSecond(7), "7/s"},
		{perSecond(12_345), "12.3k/s"},
		{perSecond(1_000_000), "1.00M/s"},
		{percent(100), "100 %"},
		{percent(99.9999), "99.99 %"},
		{percent(0), "0 %"},
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1,000"},
		{count(uint64(1_234_567)), "1,234,567"},
		{count(int64(-123_456)), "-123,456"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
