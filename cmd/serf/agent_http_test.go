package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"serf/internal/systest"
)

// fetch returns the status and body at a URL.
func fetch(t *testing.T, c *http.Client, method, url string, headers ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

func TestAgentServesHTTP(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-http-addr=0").started()
	addr := r.addr("HTTP")
	if !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("HTTP is on %s", addr)
	}
	c := &http.Client{Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	if status, body := fetch(t, c, "GET", "http://"+addr+"/v1/members"); status != 200 || !strings.Contains(body, `"name":"a"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := fetch(t, c, "GET", "http://"+addr+"/v1/stats"); status != 200 || !strings.Contains(body, `"http":{`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := fetch(t, c, "GET", "http://"+addr+"/metrics"); status != 200 || !strings.Contains(body, `serf_agent_info{node="a",label=""} 1`) ||
		!strings.Contains(body, `serf_build_info{version="`+version+`",`) || !strings.Contains(body, "serf_rpc_connections_total ") {
		t.Errorf("%d %s", status, body)
	}
}

func TestHTTPPortIsTaken(t *testing.T) {
	t.Parallel()
	addr := runTestAgent(t, "-http-addr=0").started().addr("HTTP")
	r := runTestAgent(t, "-http-addr="+addr)
	r.wantExit(exitError)
	r.errs.await(t, `starting HTTP listener: `+addr+`: .*in use`)
}

// Beyond loopback there is TLS, and a token. The certificate can be replaced while the agent runs.
func TestAgentServesHTTPS(t *testing.T) {
	t.Parallel()
	authority := systest.NewAuthority(t)
	cert, key := authority.Server("serf.example")
	pem, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := runTestAgent(t, "-http-addr=0.0.0.0:0", "-http-auth-file="+token, "-http-cert="+cert, "-http-key="+key, "-http-write").started()
	_, port, _ := strings.Cut(r.addr("HTTP"), ":")
	get := func(host, token string) (status int, body, serial string) {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "serf.example",
			VerifyConnection: func(s tls.ConnectionState) error { serial = s.PeerCertificates[0].SerialNumber.String(); return nil }}}}
		defer c.CloseIdleConnections()
		status, body = fetch(t, c, "GET", "https://127.0.0.1:"+port+"/v1/agent", "Host", host, "Authorization", "Bearer "+token)
		return status, body, serial
	}
	status, body, first := get("serf.example", "secret")
	if status != 200 || !strings.Contains(body, `"writable":true`) || !strings.Contains(body, `"auth":true`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := get("127.0.0.1", "wrong"); status != 401 {
		t.Errorf("a wrong token: %d", status)
	}
	if status, _, _ := get("evil.example", "secret"); status != 421 {
		t.Errorf("a name that the certificate doesn't have: %d", status)
	}
	if status, body := fetch(t, http.DefaultClient, "GET", "http://127.0.0.1:"+port); status != 400 || !strings.Contains(body, "speaks TLS") {
		t.Errorf("a client without TLS: %d %s", status, body)
	}
	if reloadSignal == nil {
		return
	}
	authority.Server("serf.example") // in the same files
	r.send(reloadSignal)
	r.stdout.await(t, "Configuration reloaded: the certificate for HTTP is new")
	if status, _, second := get("serf.example", "secret"); status != 200 || second == first {
		t.Errorf("after a reload: %d, serial %s", status, second)
	}
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.send(reloadSignal)
	r.errs.await(t, `-http-key: .*: not the key of `)
	if status, _, _ := get("serf.example", "secret"); status != 200 {
		t.Errorf("after a failed reload: %d", status)
	}
}
