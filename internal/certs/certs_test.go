package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"serf/internal/systest"
)

func write(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, f Files) *Set {
	t.Helper()
	s, err := Load(f, tls.VersionTLS13)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A file that can't be used is named, with the part that it was to play.
func TestProblemsAreOfOneFile(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("a")
	_, other := a.Server("b")
	junk, large := write(t, "junk"), write(t, strings.Repeat("x", fileMax+1))
	gone := filepath.Join(t.TempDir(), "gone")
	noCert, noFile := "no certificate in PEM form is in it", systest.NoSuchFile(t)
	for _, tc := range []struct {
		f          Files
		part, path string
		want       string
	}{
		{Files{gone, key, ""}, "cert", gone, noFile},
		{Files{junk, key, ""}, "cert", junk, noCert},
		{Files{large, key, ""}, "cert", large, "more than 1048576 bytes"},
		{Files{cert, gone, ""}, "key", gone, noFile},
		{Files{cert, junk, ""}, "key", junk, "not the key of " + cert + ": tls: failed to find any PEM data in key input"},
		{Files{cert, other, ""}, "key", other, "not the key of " + cert + ": tls: private key does not match public key"},
		{Files{cert, key, gone}, "client_ca", gone, noFile},
		{Files{cert, key, junk}, "client_ca", junk, noCert},
	} {
		_, err := Load(tc.f, tls.VersionTLS13)
		var e *Error
		if !errors.As(err, &e) || e.Part != tc.part || e.Path != tc.path || e.Err.Error() != tc.want {
			t.Errorf("%v: %v, want %s", tc.f, err, tc.want)
		}
	}
}

// serve accepts connections with l's certificates, and returns the address.
func serve(t *testing.T, l *Live) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", l.Server())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { // a client that is accepted gets one byte
				defer c.Close()
				c.Write([]byte{1})
			}()
		}
	}()
	return ln.Addr().String()
}

// visit connects as a client with these settings, and returns the names of the server.
func visit(t *testing.T, addr string, a *systest.Authority, c *tls.Config) ([]string, error) {
	t.Helper()
	pem, err := os.ReadFile(a.File)
	if err != nil {
		t.Fatal(err)
	}
	c.RootCAs, c.ServerName = x509.NewCertPool(), "127.0.0.1"
	c.RootCAs.AppendCertsFromPEM(pem)
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, c)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 1)) // fails if the server refuses the client's certificate
	return conn.ConnectionState().PeerCertificates[0].DNSNames, err
}

func TestReplacedCertificateIsForNewConnections(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("old")
	l := NewLive(load(t, Files{Cert: cert, Key: key}))
	addr := serve(t, l)
	if names, err := visit(t, addr, a, &tls.Config{}); err != nil || names[0] != "old" {
		t.Fatalf("%v, %v", names, err)
	}
	if l.Replace(load(t, Files{Cert: cert, Key: key})) {
		t.Error("what is the same counts as changed")
	}
	cert, key = a.Server("new")
	if !l.Replace(load(t, Files{Cert: cert, Key: key})) {
		t.Error("what differs counts as the same")
	}
	if names, err := visit(t, addr, a, &tls.Config{}); err != nil || names[0] != "new" {
		t.Errorf("%v, %v", names, err)
	}
}

func TestClientsNeedACertificateOfTheirAuthority(t *testing.T) {
	t.Parallel()
	a, stranger := systest.NewAuthority(t), systest.NewAuthority(t)
	cert, key := a.Server("s")
	addr := serve(t, NewLive(load(t, Files{Cert: cert, Key: key, ClientCA: a.File})))
	pair := func(cert, key string) []tls.Certificate {
		p, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	if _, err := visit(t, addr, a, &tls.Config{Certificates: pair(a.Client("c"))}); err != nil {
		t.Error("with one:", err)
	}
	if _, err := visit(t, addr, a, &tls.Config{}); err == nil {
		t.Error("without one it was accepted")
	}
	// Without the hint of the server, which names its authorities, the client would send nothing.
	own := pair(stranger.Client("c"))
	send := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own[0], nil }
	if _, err := visit(t, addr, a, &tls.Config{GetClientCertificate: send}); err == nil {
		t.Error("with one of another authority it was accepted")
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("s")
	addr := serve(t, NewLive(load(t, Files{Cert: cert, Key: key})))
	if _, err := visit(t, addr, a, &tls.Config{MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
}

func TestWarningBeforeTheEnd(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	from := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cert, key := a.Issue("s", &x509.Certificate{NotBefore: from, NotAfter: from.Add(90 * 24 * time.Hour)})
	s := load(t, Files{Cert: cert, Key: key})
	end := from.Add(90 * 24 * time.Hour)
	for _, tc := range []struct {
		at   time.Time
		want string
	}{
		{from.Add(-time.Second), "the certificate is valid only from 2026-01-02T03:04:05Z on"},
		{from, ""},
		{end.Add(-soon), ""},
		{end.Add(-soon + 1), "the certificate expires at 2026-04-02T03:04:05Z"},
		{end, "the certificate expires at 2026-04-02T03:04:05Z"},
		{end.Add(1), "the certificate has expired at 2026-04-02T03:04:05Z"},
	} {
		if got := s.Warning(tc.at); got != tc.want {
			t.Errorf("at %v: %q, want %q", tc.at, got, tc.want)
		}
	}
}
