package codec

import (
	"slices"
	"strings"
	"testing"
)

func TestFieldIteration(t *testing.T) {
	r := parseRequest(t, plainRequest("List: a, b ,,c", "Other: x", "list:", "LIST: ,d"))

	var fields []string
	for name, value := range r.Fields() {
		fields = append(fields, string(name)+"="+string(value))
	}
	if got, want := strings.Join(fields, "|"), "Host=a|List=a, b ,,c|Other=x|list=|LIST=,d"; got != want {
		t.Errorf("Fields() = %s, want %s", got, want)
	}
	if got, want := texts(slices.Collect(r.Values("list"))), "a, b ,,c||,d"; got != want {
		t.Errorf("Values() = %s, want %s", got, want)
	}
	if got, want := texts(slices.Collect(r.Tokens("list"))), "a|b|c|d"; got != want {
		t.Errorf("Tokens() = %s, want %s", got, want)
	}
	if got := r.count("List"); got != 3 {
		t.Errorf("count = %d, want 3", got)
	}
}

func TestFieldIterationStops(t *testing.T) {
	r := parseRequest(t, plainRequest("List: a, b", "List: c"))
	n := 0
	for range r.Fields() {
		n++
		break
	}
	for range r.Values("List") {
		n++
		break
	}
	for range r.Tokens("List") {
		n++
		break
	}
	if n != 3 {
		t.Errorf("%d steps, want 3", n)
	}
}

func TestFieldViewCannotGrowIntoHead(t *testing.T) {
	head := []byte(rfcRequest)
	var p RequestParser
	if _, err := p.Parse(head); err != nil {
		t.Fatal(err)
	}
	r := p.Request(head)
	_ = append(r.Field("Host"), "XXXX"...)
	_ = append(r.Path(), "XXXX"...)
	if string(head) != rfcRequest {
		t.Error("an append to a view wrote into the head")
	}
}

// texts joins the elements of a list for comparison.
func texts(list [][]byte) string {
	var words []string
	for _, b := range list {
		words = append(words, string(b))
	}
	return strings.Join(words, "|")
}
