package http

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"serf/agent"
	"serf/agent/http/page"
	"serf/agent/survey"
	"serf/internal/http1"
	"serf/swim/history"
	"serf/swim/serf"
)

// schema is the part of JSON Schema that the description uses.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        string             `json:"type"`
	Description string             `json:"description"`
	Required    []string           `json:"required"`
	Properties  map[string]*schema `json:"properties"`
	Others      *schema            `json:"additionalProperties"`
	Items       *schema            `json:"items"`
	Enum        []string           `json:"enum"`
	Pattern     string             `json:"pattern"`
	OneOf       []*schema          `json:"oneOf"`
	AllOf       []*schema          `json:"allOf"`
}

type content map[string]struct{ Schema *schema }

type response struct {
	Ref     string `json:"$ref"`
	Content content
}

type operation struct {
	Parameters []struct{ Name, In string }
	Security   *[]any
	Responses  map[string]response
}

type openAPI struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]*schema
		Responses map[string]response
	}
}

var described = sync.OnceValue(func() (d openAPI) {
	if err := json.Unmarshal(page.Description(), &d); err != nil {
		panic(err)
	}
	return d
})

// resolve follows a reference to a schema, and makes one object of several that it consists of.
func (s *schema) resolve() *schema {
	if s == nil {
		return nil
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return described().Components.Schemas[name].resolve()
	}
	if len(s.AllOf) == 0 {
		return s
	}
	all := &schema{Type: "object", Properties: make(map[string]*schema)}
	for _, part := range s.AllOf {
		part = part.resolve()
		all.Required = append(all.Required, part.Required...)
		maps.Copy(all.Properties, part.Properties)
	}
	return all
}

// check returns what is wrong with a value, as json.Unmarshal makes it. Properties that aren't
// described are wrong, too.
func (s *schema) check(at string, v any) error {
	if s = s.resolve(); s == nil {
		return fmt.Errorf("%s: no such schema", at)
	}
	if len(s.OneOf) > 0 {
		return s.checkOneOf(at, v)
	}
	switch v := v.(type) {
	case map[string]any:
		return s.checkObject(at, v)
	case []any:
		if s.Type != "array" {
			break
		}
		for i := range v {
			if err := s.Items.check(fmt.Sprintf("%s[%d]", at, i), v[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		if s.Type == "string" && (s.Enum == nil || slices.Contains(s.Enum, v)) && regexp.MustCompile(s.Pattern).MatchString(v) {
			return nil
		}
	case float64:
		if s.Type == "number" || s.Type == "integer" && v == float64(int64(v)) {
			return nil
		}
	case bool:
		if s.Type == "boolean" {
			return nil
		}
	}
	return fmt.Errorf("%s: %v, want %s %v %s", at, v, s.Type, s.Enum, s.Pattern)
}

func (s *schema) checkObject(at string, v map[string]any) error {
	if s.Type != "object" {
		return fmt.Errorf("%s: an object, want %s", at, s.Type)
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%s: no %s", at, name)
		}
	}
	for name, value := range v {
		of := s.Properties[name]
		switch {
		case of == nil && s.Others != nil:
			of = s.Others
		case of == nil && s.Properties == nil:
			continue // any object
		case of == nil:
			return fmt.Errorf("%s.%s isn't described", at, name)
		}
		if err := of.check(at+"."+name, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) checkOneOf(at string, v any) error {
	var errs []error
	for _, one := range s.OneOf {
		if err := one.check(at, v); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != len(s.OneOf)-1 {
		return fmt.Errorf("%s: %v, matches %d of %d: %v", at, v, len(s.OneOf)-len(errs), len(s.OneOf), errs)
	}
	return nil
}

// checkAnswer holds an answer to the description.
func checkAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	want := described().Components.Responses["Error"]
	rt, _ := find(&http1.Request{Method: r.Method, URL: r.URL})
	if r.Method == http.MethodOptions && w.Code == http.StatusNoContent {
		return // a browser asked for an origin
	}
	if rt != nil && w.Code != http.StatusForbidden && w.Code != http.StatusMisdirectedRequest {
		var ok bool
		want, ok = described().Paths[rt.path][strings.ToLower(rt.method)].Responses[fmt.Sprint(w.Code)]
		if !ok {
			t.Errorf("%s %s: the description has no %d", r.Method, r.URL, w.Code)
			return
		}
		if name, ok := strings.CutPrefix(want.Ref, "#/components/responses/"); ok {
			want = described().Components.Responses[name]
		}
	}
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	of, ok := want.Content[kind]
	if _, any := want.Content["*/*"]; !ok && !any && len(want.Content)+w.Body.Len() > 0 && r.Method != http.MethodHead {
		t.Errorf("%s %s: %d with %q isn't described", r.Method, r.URL, w.Code, kind)
	}
	texts := []string{w.Body.String()}
	switch {
	case r.Method == http.MethodHead || kind != "application/json" && kind != "application/x-ndjson":
		return
	case kind == "application/x-ndjson":
		texts = slices.Collect(strings.Lines(w.Body.String()))
	}
	for _, text := range texts {
		checkJSON(t, of.Schema, text)
	}
}

func checkJSON(t *testing.T, s *schema, text string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%q: %v", text, err)
	} else if err := s.check("answer", v); err != nil {
		t.Errorf("%.300s: %v", text, err)
	}
}

// The description has each endpoint, and no other, with what it needs of a token.
func TestEachEndpointIsDescribed(t *testing.T) {
	t.Parallel()
	d := described()
	left := make(map[string]bool)
	for path, of := range d.Paths {
		for method := range maps.Keys(of) {
			left[strings.ToUpper(method)+" "+path] = true
		}
	}
	for i := range routes {
		rt := &routes[i]
		if !left[rt.method+" "+rt.path] {
			t.Errorf("%s %s isn't described", rt.method, rt.path)
			continue
		}
		delete(left, rt.method+" "+rt.path)
		op := d.Paths[rt.path][strings.ToLower(rt.method)]
		if open := op.Security != nil && len(*op.Security) == 0; open != rt.open {
			t.Errorf("%s %s needs no token: %t, described as %t", rt.method, rt.path, rt.open, open)
		}
		_, refused := op.Responses["401"]
		if refused == rt.open {
			t.Errorf("%s %s: 401 is described: %t", rt.method, rt.path, refused)
		}
		for part := range strings.SplitSeq(rt.path, "/") {
			name := strings.Trim(part, "{}")
			if name != part && !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == name && p.In == "path" }) {
				t.Errorf("%s %s: {%s} isn't described", rt.method, rt.path, name)
			}
		}
	}
	for what := range left {
		t.Errorf("%s is described, but doesn't exist", what)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %q", d.OpenAPI)
	}
}

// Each endpoint that reads answers as described; the tests of each hold further answers to it.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	a, b := startPair(t)
	metrics := http1.HandlerFunc(func(w http1.ResponseWriter, _ *http1.Request) { w.Header().Set("Content-Type", "text/plain") })
	h := newHandler(t, a, Options{Metrics: metrics})
	for i := range routes {
		rt := &routes[i]
		if rt.writes() || rt.path == "/v1/events" {
			continue
		}
		path := strings.NewReplacer("{name}", "a", "{file}", "api.js").Replace(rt.path)
		if w := ask(t, h, rt.method, path, ""); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	self := b.Self()
	of := described().Components.Schemas["Event"]
	for _, e := range []agent.Event{
		agent.MemberEvent{Type: agent.MemberFailed, Members: []serf.Member{self}},
		agent.UserEvent{LTime: 1, Name: "n", Payload: []byte{0}, Coalesce: true},
		agent.QueryEvent{LTime: 1, Name: "n", From: "a"}, agent.QueryEvent{LTime: 1, Name: "n"},
	} {
		for _, e := range encode(e, time.Now()) {
			checkJSON(t, of, string(frameLine(nil, []byte(h.log.indexOf(1)), &e)))
		}
	}
	checkJSON(t, of, string(h.appendGap(nil, &stream{frame: frameLine}, gapEpoch)))
}

// The description has each field of what is answered, and says which may be left out.
func TestEachFieldIsDescribed(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"Agent": agentAnswer{}, "Member": member{}, "History": historyAnswer{}, "HistoryOfAll": historyOfAll{}, "Flaps": history.Flaps{}, "Coordinates": coordinatesAnswer{}, "Views": survey.Views{},
		"MemberEvent": memberData{}, "UserEvent": userData{}, "QueryEvent": queryData{}, "Gap": gapData{}, "Health": healthAnswer{}, "Answer": answerLine{},
		"Join": joinBody{}, "Joined": joinAnswer{}, "SetTags": tagsBody{}, "Error": problem{}, "Change": history.Change{},
	} {
		compareType(t, name, described().Components.Schemas[name], reflect.TypeOf(v))
	}
}

var marshalsText, marshalsJSON = reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[json.Marshaler]()

// compareType compares a schema with a type that encoding/json writes.
func compareType(t *testing.T, at string, s *schema, of reflect.Type) {
	t.Helper()
	if s = s.resolve(); s == nil {
		t.Errorf("%s isn't described", at)
		return
	}
	kinds := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Float64: "number", reflect.Slice: "array", reflect.Array: "array",
		reflect.Struct: "object", reflect.Map: "object"}
	want := kinds[of.Kind()]
	switch {
	case of.Kind() == reflect.Pointer:
		compareType(t, at, s, of.Elem())
		return
	case of.Implements(marshalsText) && of.Kind() == reflect.Uint8:
		want = "string"
		for i := range 256 {
			v := reflect.New(of).Elem()
			v.SetUint(uint64(i))
			text := fmt.Sprint(v.Interface())
			if text != "unknown" && !slices.Contains(s.Enum, text) {
				t.Errorf("%s can be %q, which isn't described", at, text)
			}
		}
	case of.Implements(marshalsJSON) || of.Implements(marshalsText):
		want = "string"
	case of.Kind() == reflect.Struct:
		compareFields(t, at, s, of)
	case of.Kind() == reflect.Slice || of.Kind() == reflect.Array:
		compareType(t, at+"[]", s.Items, of.Elem())
	case of.Kind() == reflect.Map:
		compareType(t, at+"{}", s.Others, of.Elem())
	case want == "":
		want = "integer"
	}
	if s.Type != want {
		t.Errorf("%s is %s, described as %s", at, want, s.Type)
	}
}

func compareFields(t *testing.T, at string, s *schema, of reflect.Type) {
	t.Helper()
	found := make(map[string]bool)
	for _, f := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || f.Anonymous || !f.IsExported() {
			continue
		}
		found[name] = true
		outer := of.FieldByIndex(f.Index[:1])
		optional := strings.HasPrefix(options, "omit") || len(f.Index) > 1 && outer.Type.Kind() == reflect.Pointer
		if required := slices.Contains(s.Required, name); s.Properties[name] != nil && required == optional && !strings.HasSuffix(of.Name(), "Body") {
			t.Errorf("%s.%s: may be left out: %t; described as required: %t", at, name, optional, required)
		}
		compareType(t, at+"."+name, s.Properties[name], f.Type)
	}
	for name := range s.Properties {
		if !found[name] {
			t.Errorf("%s.%s is described, but doesn't exist", at, name)
		}
	}
}

// docs/http.md says what each reason to refuse something means.
func TestReasonsAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reasons {
		if !strings.Contains(string(page), "`"+r.name+"`") {
			t.Errorf("docs/http.md doesn't explain %s", r.name)
		}
	}
}

// The parameters that an endpoint takes are those that are described.
func TestParametersAreDescribed(t *testing.T) {
	t.Parallel()
	h := writable(t, startAgent(t))
	samples := map[string]string{"name": "x", "status": "alive", "tag": "x", "format": "json", "index": "0123456789abcdef-1", "wait": "0s", "since": "1m",
		"type": "user", "after": "0123456789abcdef-1", "coalesce": "true", "timeout": "1s", "node": "x", "ack": "true", "all": "true", "prune": "true", "members": "0"}
	for i := range routes {
		rt := &routes[i]
		if rt.path == "/v1/events" || rt.path == "/metrics" || strings.HasPrefix(rt.path, "/page") {
			continue
		}
		takes := make(map[string]bool)
		for _, p := range described().Paths[rt.path][strings.ToLower(rt.method)].Parameters {
			takes[p.Name] = p.In == "query"
		}
		for name, value := range samples {
			sent := name
			if name == "tag" {
				sent = "tag.k"
			}
			w := ask(t, h, rt.method, strings.ReplaceAll(rt.path, "{name}", "nobody")+"?"+sent+"="+value, "", "Authorization", secret)
			if unknown := strings.Contains(w.Body.String(), "no such parameter here"); unknown == takes[name] {
				t.Errorf("%s %s?%s=%s: described: %t; %d %.100s", rt.method, rt.path, sent, value, takes[name], w.Code, w.Body)
			}
		}
	}
}
