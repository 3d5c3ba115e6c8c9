package http

import (
	"net/url"
	"slices"
	"strings"

	"serf/internal/http1"
)

// route is one endpoint.
type route struct {
	method string
	path   string // {name} stands for one part, percent-encoded: r.PathValue("name")
	open   bool   // it is served without a token: nothing in it is secret
	serve  func(h *Handler, w http1.ResponseWriter, r *http1.Request)
}

// routes are all endpoints. openapi.json describes each.
var routes []route

func init() { // routes refers to handlers, which refer to routes
	routes = []route{
		{"GET", "/", true, (*Handler).servePage},
		{"GET", "/page/{file}", true, (*Handler).servePage},
		{"GET", "/healthz", true, (*Handler).serveHealth},
		{"GET", "/readyz", true, (*Handler).serveReady},
		{"GET", "/metrics", false, (*Handler).serveMetrics},
		{"GET", "/v1/agent", false, (*Handler).serveAgent},
		{"GET", "/v1/members", false, (*Handler).serveMembers},
		{"GET", "/v1/members/{name}/history", false, (*Handler).serveHistory},
		{"GET", "/v1/flaps", false, (*Handler).serveFlaps},
		{"GET", "/v1/coordinates", false, (*Handler).serveCoordinates},
		{"GET", "/v1/events", false, (*Handler).serveEvents},
		{"GET", "/v1/views", false, (*Handler).serveViews},
		{"GET", "/v1/openapi.json", true, (*Handler).serveDescription},
		{"GET", "/v1/stats", false, (*Handler).serveStats},
		{"POST", "/v1/event/{name}", false, (*Handler).serveEvent},
		{"POST", "/v1/query/{name}", false, (*Handler).serveQuery},
		{"POST", "/v1/join", false, (*Handler).serveJoin},
		{"POST", "/v1/force-leave/{name}", false, (*Handler).serveForceLeave},
		{"PUT", "/v1/tags", false, (*Handler).serveTags},
	}
}

// writes reports whether the endpoint changes something.
func (rt *route) writes() bool { return rt.method != "GET" }

// find returns the endpoint that a request is for, and sets its path values. If there is none,
// allowed lists the methods that its path takes.
func find(r *http1.Request) (found *route, allowed string) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	var methods []string
	for i := range routes {
		rt := &routes[i]
		values, ok := rt.match(parts)
		switch {
		case !ok:
			continue
		case rt.method != r.Method && !(rt.method == "GET" && r.Method == "HEAD"):
			methods = append(methods, rt.method)
			continue
		}
		for name, value := range values { // order-free: each by itself
			r.SetPathValue(name, value)
		}
		return rt, ""
	}
	slices.Sort(methods)
	return nil, strings.Join(methods, ", ")
}

// match compares a path, part by part. http.ServeMux would tidy it up first, and miss members whose
// names have slashes or dots.
func (rt *route) match(parts []string) (values map[string]string, ok bool) {
	pattern := strings.Split(rt.path, "/")
	if len(pattern) != len(parts) {
		return nil, false
	}
	for i, p := range pattern {
		part, err := url.PathUnescape(parts[i])
		name, variable := strings.CutPrefix(p, "{")
		switch {
		case err != nil || !variable && part != p || variable && part == "":
			return nil, false
		case variable:
			if values == nil {
				values = make(map[string]string)
			}
			values[strings.TrimSuffix(name, "}")] = part
		}
	}
	return values, true
}
