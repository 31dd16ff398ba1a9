package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"example.org/weir/bench"
)

// WriteJSON writes the whole of r, histograms included, so that ReadJSON gives it back.
func WriteJSON(w io.Writer, r *bench.Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// ReadJSON reads what WriteJSON has written, by this version or another: fields that it does not
// know are ignored.
func ReadJSON(r io.Reader) (*bench.Result, error) {
	var res bench.Result
	if err := json.NewDecoder(r).Decode(&res); err != nil {
		return nil, fmt.Errorf("not a result: %w", err)
	}
	if res.Scenario == "" {
		return nil, errors.New("not a result: it has no scenario")
	}
	return &res, nil
}

// ReadFile reads a result from the file called name.
func ReadFile(name string) (*bench.Result, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}
