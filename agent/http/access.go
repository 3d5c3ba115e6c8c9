package http

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"serf/internal/http1"
)

// knownHost reports whether a request's Host is this agent's. Names that anybody may give to our
// address aren't: a page under such a name would count as ours.
func (h *Handler) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		if ip.IsLoopback() {
			return true
		}
		host = ip.String()
	}
	return host == "localhost" || h.o.Host != nil && host != "" && h.o.Host(host)
}

// allowOrigin tells browsers that pages of an allowed origin may use the answer. It reports true if
// they only asked that.
func (h *Handler) allowOrigin(w http1.ResponseWriter, r *http1.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if len(h.origins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	if !h.origins[origin] {
		return false
	}
	set := w.Header().Set
	set("Access-Control-Allow-Origin", origin)
	set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method != "OPTIONS" {
		return false
	}
	set("Access-Control-Allow-Methods", "GET, POST, PUT")
	set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID")
	set("Access-Control-Max-Age", "600")
	w.WriteHeader(http1.StatusNoContent)
	return true
}

// admit checks whether a request may be served, or answers why not.
func (h *Handler) admit(w http1.ResponseWriter, r *http1.Request, rt *route) bool {
	switch writes := rt.writes(); {
	case writes && !h.o.Write:
		refuse(w, &h.counts.writes, http1.StatusForbidden,
			"this agent is read only by HTTP: -http-write (http_write) allows to write")
	case writes && h.crossOrigin(r), h.crossSite(r):
		refuse(w, &h.counts.origins, http1.StatusForbidden,
			"a page of another origin asks; http_origins lists those that may")
	case !rt.open && (writes || !h.o.OpenReads) && !h.tokenIsIn(r):
		w.Header().Set("WWW-Authenticate", `Bearer realm="serf"`)
		refuse(w, &h.counts.tokens, http1.StatusUnauthorized,
			"this needs the agent's token: Authorization: Bearer TOKEN")
	default:
		return true
	}
	return false
}

// crossOrigin reports whether a browser asks on behalf of a page of another origin. Old ones don't
// say so, but name the origin of what may change something; curl and the like do neither.
func (h *Handler) crossOrigin(r *http1.Request) bool {
	origin := r.Header.Get("Origin")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		if u, err := url.Parse(origin); origin == "" || err == nil && u.Host == r.Host {
			return false
		}
	}
	return !h.origins[origin]
}

// crossSite reports whether a browser asks on behalf of a page of another site, not because its
// user opens a link. The page couldn't read the answer, but could use up streams, with frames, too.
func (h *Handler) crossSite(r *http1.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	opened := r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
	return !opened && !h.origins[r.Header.Get("Origin")]
}

// tokenIsIn reports whether a request has the token. The time it takes tells nothing about it.
func (h *Handler) tokenIsIn(r *http1.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if h.o.Token == "" {
		return true
	}
	given, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(h.o.Token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(given[:], want[:]) == 1
}
