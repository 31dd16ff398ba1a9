package report

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.org/weir/bench"
)

func TestJSONRoundTrip(t *testing.T) {
	for _, name := range fixtures {
		r := fixture(t, name)
		var b bytes.Buffer
		if err := WriteJSON(&b, r); err != nil {
			t.Fatal(err)
		}
		again, err := ReadJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(r, again) {
			t.Errorf("%s: it comes back as another\n%+v\n%+v", name, r, again)
		}
		if r.Latency == nil {
			continue
		}
		h, err := again.Latency.Histogram()
		if err != nil || h.TotalCount() != r.Latency.Count || h.ValueAtQuantile(99) != r.Latency.At["99"] {
			t.Errorf("%s: the histogram does not come back (%v)", name, err)
		}
	}
}

func TestReadJSONIgnoresUnknownFields(t *testing.T) {
	r, err := ReadJSON(strings.NewReader(`{"scenario": "echo", "moon": {"phase": 3}, "messages": {"received": 7, "shouted": 1}}`))
	if err != nil || r.Messages.Received != 7 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "other": `{"name": "x"}`, "type": `{"scenario": 1}`, "short": `{"scenario": "echo"`,
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if r, err := ReadFile(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if _, err := ReadFile(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

func TestCSV(t *testing.T) {
	for _, name := range []string{"echo", "rate"} {
		var b bytes.Buffer
		if err := WriteCSV(&b, fixture(t, name)); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".csv", b.Bytes())
		if rows := bytes.Count(b.Bytes(), []byte("\n")); rows != 1+len(fixture(t, name).Series) {
			t.Errorf("%d rows", rows)
		}
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, &bench.Result{}); err != nil || b.String() != strings.Join(csvHead, ",")+"\n" {
		t.Errorf("without a series: %q, %v", b.String(), err)
	}
}
