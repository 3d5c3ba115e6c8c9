package jsonfile

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// level is a text that knows its values.
type level string

func (l *level) UnmarshalText(b []byte) error {
	if string(b) != "low" && string(b) != "high" {
		return errors.New("allowed are low and high")
	}
	*l = level(b)
	return nil
}

func (level) Want() string { return `a level such as "low"` }

type inner struct {
	Deep int `json:"deep"`
}

// all has a field of each kind.
type all struct {
	inner
	Name   string            `json:"name"`
	On     bool              `json:"on"`
	N      int               `json:"n,omitempty"`
	U      uint64            `json:"u"`
	F      float64           `json:"f"`
	For    time.Duration     `json:"for"`
	Level  level             `json:"level"`
	P      *int              `json:"p"`
	Names  []string          `json:"names"`
	Parts  []inner           `json:"parts"`
	Tags   map[string]string `json:"tags"`
	Hidden int               `json:"-"`
}

func read(text string) (v all, err error) {
	f := Parse("x.json", []byte(text)).Whole()
	f.Root().Read(&v)
	return v, f.Err()
}

func TestRead(t *testing.T) {
	got, err := read("\ufeff {\"deep\": 1, \"name\": \"\\u00e9\", \"on\": true, \"n\": -4.0, \"u\": 1e3, \"f\": 0.5, \"for\": \"1m\",\r\n" +
		"\"level\": \"low\", \"p\": 0, \"names\": [\"a\", \"b\"], \"parts\": [{}, {\"deep\": 2}], \"tags\": {\"Ä\": \"\"}}\n")
	zero := 0
	want := all{inner: inner{1}, Name: "é", On: true, N: -4, U: 1000, F: 0.5, For: time.Minute, Level: "low", P: &zero,
		Names: []string{"a", "b"}, Parts: []inner{{}, {2}}, Tags: map[string]string{"Ä": ""}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{``, "1:1: the file is empty"},
		{" \n", "2:1: the file is empty"},
		{"\ufeff", "1:1: the file is empty"},
		{"{\n  \"n\": 5,\n}", "2:9: nothing follows this comma: the last one before a } must go"},
		{`{"names": ["a", ]}`, "1:15: nothing follows this comma: the last one before a ] must go"},
		{`{"n": 5`, `1:8: the file ends too early: a closing ", ] or } is missing`},
		{`{"name": "x}`, `1:13: the file ends too early: a closing ", ] or } is missing`},
		{"{\n// why\n\"n\": 5}", "2:1: JSON has no comments"},
		{"{\"n\": 5 # five\n}", "1:9: JSON has no comments"},
		{`{'n': 5}`, "1:2: texts go between double quotes"},
		{`{n: 5}`, "1:2: want a key between double quotes"},
		{"{\"name\": \"a\nb\"}", `1:12: a text must not go on over the end of a line, nor have tabs in it: write \n and \t`},
		{`{"name": "C:\serf"}`, `1:14: no such escape in a text: a backslash itself is written \\`},
		{"{\"n\": 5\n\"u\": 6}", "2:1: want a comma or } before this"},
		{`{"names": ["a" "b"]}`, "1:16: want a comma or ] before this"},
		{`{"n" 5}`, "1:6: want a colon before this"},
		{`{"n": 05}`, "1:8: want a comma or } before this"},
		{`{"n": five}`, "1:8: invalid character 'i' in literal false (expecting 'a')"},
		{"\xff\xfe{\x00}\x00", "1:1: the file is in UTF-16: save it as UTF-8"},
		{"\xfe\xff\x00{\x00}", "1:1: the file is in UTF-16: save it as UTF-8"},
		{"{\"name\": \"\xe9\"}", "1:11: this is not UTF-8: save the file as UTF-8"},
		{"{}\n {}", "2:2: something follows the end of the object"},
		{"[] x", "1:4: something follows the end of the list|1:1: [], want an object in { and }"},
		{`5`, "1:1: 5, want an object in { and }"},
		{`null`, "1:1: null, want an object in { and }"},
		{"\ufeff5", "1:1: 5, want an object in { and }"},
		{`{"nam": 1}`, "1:2: nam: is no key here; did you mean name? allowed are deep, name, on, n, u, f, for, level, p, names, parts, tags"},
		{`{"inner": 1, "Hidden": 2, "-": 3}`, "1:2: inner: is no key here; allowed *|1:14: Hidden: *|1:27: -: is no key here*"},
		{"{\"n\": 1,\n\"n\": 2}", "2:1: n: is there twice, first at 1:2"},
		{"{\"n\": 1, \"\\u006e\": 2}", "1:10: n: is there twice, first at 1:2"},
		{`{"tags": {"a": "1", "a": "2"}}`, "1:21: tags.a: is there twice, first at 1:11"},
		{`{"name": 5, "on": "yes", "n": "5", "u": -1, "f": "x"}`,
			`1:10: name: 5, want a text|1:19: on: "yes", want true or false|1:31: n: "5", want a whole number|1:41: u: -1, want a whole number, 0 or more|1:50: f: "x", want a number`},
		{`{"n": 1.5, "u": 99999999999999999999, "f": 1e999, "p": 1e-1}`,
			`1:7: n: 1.5, want a whole number|1:17: u: 9*, want a whole number, 0 or more|1:44: f: 1e999, want a number|1:56: p: 1e-1, want a whole number`},
		{`{"for": 10, "level": "mid", "name": null}`, `1:9: for: 10, want a time such as "10s"|1:22: level: "mid", allowed are low and high|1:37: name: null, want a text`},
		{`{"for": "10", "level": 3}`, `1:9: for: "10", want a time such as "10s"|1:24: level: 3, want a level such as "low"`},
		{`{"names": "a", "parts": [1, {"deep": []}], "tags": {"a": 1}}`,
			`1:11: names: "a", want a list in [ and ]|1:26: parts[0]: 1, want an object in { and }|1:38: parts[1].deep: [], want a whole number|1:58: tags.a: 1, want a text`},
		{`{"n": "` + strings.Repeat("x", 100) + `"}`, `1:7: n: "` + strings.Repeat("x", 59) + `..., want a whole number`},
		{`{"n": "` + strings.Repeat("é", 100) + `"}`, `1:7: n: "` + strings.Repeat("é", 29) + `..., want a whole number`},
		{"{\"n\": [\n1]}", `1:7: n: [..., want a whole number`},
	} {
		_, err := read(tt.file)
		if err == nil {
			t.Errorf("%s: no problem", tt.file)
			continue
		}
		got, want := strings.Split(err.Error(), "\n"), strings.Split(tt.want, "|")
		if len(got) != len(want) {
			t.Errorf("%s: %d problems, want %d: %v", tt.file, len(got), len(want), err)
			continue
		}
		for i, w := range want {
			start, _, _ := strings.Cut(w, "*")
			if g, ok := strings.CutPrefix(got[i], "x.json:"); !ok || g != w && (start == w || !strings.HasPrefix(g, start)) {
				t.Errorf("%s:\ngot  %s\nwant %s", tt.file, got[i], w)
			}
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	for _, text := range []string{`"hunter2"`, `{"hunter2": 1}`, `["fine", ["hunter2"]]`, `[5, "hunter2`, `["hunter2" "hunter2"]`} {
		f := Parse("keys", []byte(text)).Whole()
		var keys []string
		f.Root().Secret().Read(&keys)
		if f.Err() == nil || strings.Contains(f.Err().Error(), "hunter") {
			t.Errorf("%s: %v", text, f.Err())
		}
	}
}

func TestMoreThanTheFirstValueCanBeTaken(t *testing.T) {
	f := Parse("x", []byte("{\"n\": 1}\n x"))
	var v all
	if !f.Root().Read(&v) || f.Err() != nil || v.N != 1 {
		t.Errorf("%+v, %v", v, f.Err())
	}
	if at, more := f.More(); !more || at != (Place{2, 2}) {
		t.Errorf("more: %v at %v", more, at)
	}
	if _, more := Parse("x", []byte("{} \r\n")).More(); more {
		t.Error("white space was taken for something")
	}
}

func TestKeysInSeveralSpellings(t *testing.T) {
	f := Parse("", []byte(`{"Bind": 1, "bIND": 2}`))
	var names []string
	for k := range f.Root().Keys(strings.ToLower) {
		names = append(names, k.Name)
	}
	if !slices.Equal(names, []string{"Bind"}) || f.Err() == nil || f.Err().Error() != "1:13: bIND: is there twice, first at 1:2" {
		t.Errorf("%q, %v", names, f.Err())
	}
}

func TestWhatIsWrongIsLeftUnset(t *testing.T) {
	if v, err := read(`{"p": "x", "n": "y"}`); err == nil || v.P != nil || v.N != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestPlaces(t *testing.T) {
	f := Parse("", []byte("{\"parts\": [\n{}, {\"deep\"\n : 1}],\n\"tags\": {}}"))
	var v all
	f.Root().Read(&v)
	want := map[string]Place{"parts": {1, 2}, "parts[0]": {2, 1}, "parts[1]": {2, 5}, "parts[1].deep": {2, 6}, "tags": {4, 1}}
	if !maps.Equal(f.Places(), want) || f.Err() != nil {
		t.Errorf("%v, %v", f.Places(), f.Err())
	}
}

// FuzzParse reads arbitrary text: what is accepted encoding/json accepts too, with the same result,
// and each problem has a place within the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"deep": 1, "name": "é", "on": true, "n": -4.0, "u": 1e3, "f": 0.5, "p": 0, "names": ["a"], "parts": [{}], "tags": {"Ä": ""}}`))
	f.Add([]byte("\ufeff{\n\"n\": 1,\n}"))
	f.Add([]byte("{} x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := Parse("", data).Whole()
		var v all
		file.Root().Read(&v)
		if err := file.Err(); err != nil {
			lines := strings.Count(string(data), "\n") + 1
			for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
				p := e.(*Problem)
				if p.Text == "" || p.Place.Line < 1 || p.Place.Line > lines || p.Place.Column < 1 || p.Place.Column > len(data)+1 {
					t.Fatalf("%+v", p)
				}
			}
			return
		}
		type plain all
		var again plain
		if v.For != 0 || v.N != 0 || v.U != 0 || v.P != nil || v.Deep != 0 || len(v.Parts) > 0 {
			return // times and forms of whole numbers that encoding/json doesn't know
		}
		data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, all(again), cmp.AllowUnexported(all{})); d != "" && !strings.Contains(string(data), `"f`) {
			t.Fatal(d)
		}
	})
}
