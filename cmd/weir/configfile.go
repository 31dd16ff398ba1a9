package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// A configuration file is TOML: its keys are the names of the flags, without tables. Lists are arrays, sizes
// and durations strings.

// notInFile reports whether a flag is for the command line only.
func notInFile(name string) bool { return name == "config" || name == "version" }

// multiple is a flag with several values.
type multiple interface {
	flag.Value
	replaceable()
	empty()
	all() []string
}

// readConfig sets the flags that the file has.
func (o *options) readConfig(fs *flag.FlagSet, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot use -config: %w", err)
	}
	values, err := parseConfig(fs, b)
	if err != nil {
		return fmt.Errorf("%s:%w", file, err)
	}
	for name, v := range values {
		if err := setValue(fs.Lookup(name), v); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", file, lineOf(b, name), name, err)
		}
		o.sources[name] = file
	}
	return nil
}

// parseConfig returns the values of the file by the names of their flags. An error begins with its line.
func parseConfig(fs *flag.FlagSet, b []byte) (map[string]any, error) {
	var names []string
	var fields []reflect.StructField // what the decoder knows, so that it can tell what it does not know
	fs.VisitAll(func(f *flag.Flag) {
		if !notInFile(f.Name) {
			tag := reflect.StructTag(fmt.Sprintf("toml:%q", f.Name))
			fields = append(fields, reflect.StructField{Name: "F" + strconv.Itoa(len(fields)), Type: reflect.TypeFor[any](), Tag: tag})
			names = append(names, f.Name)
		}
	})
	doc := reflect.New(reflect.StructOf(fields))
	err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(doc.Interface())
	var unknown *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		line, _ := unknown.Errors[0].Position()
		return nil, fmt.Errorf("%d: unknown key %q (weir -h lists the flags, which are the keys)", line, strings.Join(unknown.Errors[0].Key(), "."))
	case errors.As(err, &bad):
		line, _ := bad.Position()
		return nil, fmt.Errorf("%d: %s", line, strings.TrimPrefix(bad.Error(), "toml: "))
	case err != nil:
		return nil, fmt.Errorf(" %w", err)
	}
	values := make(map[string]any)
	for i, name := range names {
		if v := doc.Elem().Field(i).Interface(); v != nil {
			values[name] = v
		}
	}
	return values, nil
}

// lineOf returns the line that sets a key.
func lineOf(b []byte, name string) int {
	at := regexp.MustCompile(`(?m)^[ \t]*["']?` + regexp.QuoteMeta(name) + `["']?[ \t]*=`).FindIndex(b)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(b[:at[0]], []byte{'\n'})
}

// setValue sets a flag to a value of TOML, which replaces what there is.
func setValue(f *flag.Flag, v any) error {
	list, many := f.Value.(multiple)
	if values, ok := v.([]any); ok && many {
		list.empty()
		for _, v := range values {
			s, ok := v.(string)
			if !ok {
				return fmt.Errorf("want an array of strings, not %v in it", v)
			}
			if err := list.Set(s); err != nil {
				return err
			}
		}
		list.replaceable()
		return nil
	}
	switch v.(type) {
	case string, int64, bool:
	default:
		return fmt.Errorf("%v is not a value for it: want %s", v, kindOf(f))
	}
	if many {
		defer list.replaceable()
	}
	if err := f.Value.Set(fmt.Sprint(v)); err != nil {
		return fmt.Errorf("invalid value %q: %w", fmt.Sprint(v), err)
	}
	return nil
}

func kindOf(f *flag.Flag) string {
	switch valueOf(f).(type) {
	case []string:
		return "an array of strings"
	case bool:
		return "true or false"
	case int:
		return "a whole number"
	}
	return "a string"
}

// valueOf returns the value of a flag as TOML has it.
func valueOf(f *flag.Flag) any {
	if m, ok := f.Value.(multiple); ok {
		return append([]string{}, m.all()...)
	}
	if g, ok := f.Value.(flag.Getter); ok {
		switch v := g.Get().(type) {
		case bool, int:
			return v
		case time.Duration:
			return max(v, 0).String() // options.check makes off negative
		}
	}
	return f.Value.String()
}

// printConfig prints what is in force as a configuration file, with where it comes from. Passwords in URLs are
// left out.
func (o *options) printConfig(w io.Writer) error {
	var err error
	o.flags.VisitAll(func(f *flag.Flag) {
		if notInFile(f.Name) || err != nil {
			return
		}
		source := o.sources[f.Name]
		if source == "" {
			source = "default"
		}
		v, redacted := redact(valueOf(f))
		if redacted {
			source += "; its password is not shown"
		}
		var line []byte
		if line, err = toml.Marshal(map[string]any{f.Name: v}); err == nil {
			_, err = fmt.Fprintf(w, "%-40s # %s\n", bytes.TrimSpace(line), source)
		}
	})
	return err
}

// redact replaces the passwords of URLs, and user names without one, which are tokens to NATS.
func redact(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || u.User == nil {
			return v, false
		}
		if _, ok := u.User.Password(); ok {
			return u.Redacted(), true
		}
		u.User = url.User("xxxxx")
		return u.String(), true
	case []string:
		redacted := false
		for i := range v {
			s, r := redact(v[i])
			v[i] = s.(string)
			redacted = redacted || r
		}
		return v, redacted
	}
	return v, false
}
