package bench

import (
	"reflect"
	"testing"
	"time"
)

// TestNormalizeTwice holds that options which are normalized again, as a command line's are, stay as
// they are: no warm-up must not become the default one.
func TestNormalizeTwice(t *testing.T) {
	for _, o := range []Options{
		{Targets: []string{"ws://localhost"}},
		{Targets: []string{"ws://localhost"}, Warmup: -1, Duration: time.Second, Conns: 3},
	} {
		if err := o.Normalize(); err != nil {
			t.Fatal(err)
		}
		once := o
		if err := o.Normalize(); err != nil || !reflect.DeepEqual(o, once) {
			t.Errorf("%+v became %+v (%v)", once, o, err)
		}
		if want := max(once.Warmup, 0).String(); once.settings()["warmup"] != want {
			t.Errorf("setting %q, want %q", once.settings()["warmup"], want)
		}
	}
}
