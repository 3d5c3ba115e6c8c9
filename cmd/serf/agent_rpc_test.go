package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"serf/internal/rpcaddr"
	"serf/internal/systest"
)

// boundTo is a listener that is bound to an address.
type boundTo struct {
	net.Listener
	addr net.Addr
}

func (l boundTo) Addr() net.Addr { return l.addr }

func listenerAt(t *testing.T, addr string, bound net.Addr) rpcListener {
	t.Helper()
	a, err := rpcaddr.Parse(addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	return rpcListener{boundTo{addr: bound}, a}
}

func listenerAtSocket() rpcListener {
	return rpcListener{boundTo{addr: &net.UnixAddr{Name: "/s"}}, rpcaddr.Addr{Network: rpcaddr.Unix, Address: "/s"}}
}

func TestShownAddr(t *testing.T) {
	bound := &net.TCPAddr{IP: net.IPv6zero, Port: 7373}
	for addr, want := range map[string]string{"0.0.0.0:7373": "0.0.0.0:7373", "localhost:0": "localhost:7373", "[::1]:0": "[::1]:7373", "tls://:0": "tls://:7373"} {
		ln := listenerAt(t, addr, bound)
		if got := ln.shown().String(); got != want {
			t.Errorf("%s: shown as %s, want %s", addr, got, want)
		}
	}
}

func TestDialAddr(t *testing.T) {
	all := &net.TCPAddr{IP: net.IPv6zero, Port: 7373} // so the system calls 0.0.0.0, too
	for _, tc := range []struct {
		addr  string
		bound net.Addr
		want  string
	}{
		{"0.0.0.0:0", all, "127.0.0.1:7373"},
		{":0", all, "127.0.0.1:7373"},
		{"[::]:0", all, "[::1]:7373"},
		{"0.0.0.0:0", &net.TCPAddr{IP: net.IPv4zero, Port: 1}, "127.0.0.1:1"},
		{"localhost:0", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7373}, "127.0.0.1:7373"},
		{"[fe80::1%lo]:0", &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "lo", Port: 7373}, "[fe80::1%lo]:7373"},
		{"tls://0.0.0.0:0", all, "tls://127.0.0.1:7373"},
	} {
		ln := listenerAt(t, tc.addr, tc.bound)
		if got := ln.dialed().String(); got != tc.want {
			t.Errorf("%s, bound %v: %s, want %s", tc.addr, tc.bound, got, tc.want)
		}
	}
}

// socketURL is the address of a socket.
func socketURL(t *testing.T) string {
	t.Helper()
	return rpcaddr.Addr{Network: rpcaddr.Unix, Address: systest.SocketPath(t)}.String()
}

// processOf is what the log has of this process as a client, for a pattern.
func processOf() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	return fmt.Sprintf(` \(process %d, user %d\)`, os.Getpid(), os.Getuid())
}

// members runs `serf members` with further arguments, after -rpc-addr.
func members(t *testing.T, addr string, args ...string) result {
	t.Helper()
	return runLine(t.Context(), nil, append([]string{"members", "-rpc-addr", addr}, args...)...)
}

// The plain port stays for old clients, beside the socket and TLS.
func TestAgentServesRPCEverywhere(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("web-1.example.com")
	r := runTestAgent(t, "-rpc-addr=127.0.0.1:0,"+socketURL(t)+",tls://127.0.0.1:0", "-rpc-tls-cert", cert, "-rpc-tls-key", key).started()
	addrs := strings.Split(r.addr("RPC"), ",")
	if len(addrs) != 3 {
		t.Fatal(addrs)
	}
	for _, tc := range []struct {
		addr string
		args []string
	}{
		{addrs[0], nil}, {addrs[1], nil}, {addrs[2], []string{"-rpc-tls-ca", a.File}},
		{addrs[2], []string{"-rpc-tls-ca", a.File, "-rpc-tls-server-name=web-1.example.com"}},
	} {
		if got := members(t, tc.addr, tc.args...); got.code != exitOK || !strings.HasPrefix(got.stdout, "a  127.0.0.1:") {
			t.Errorf("%s %v: %+v", tc.addr, tc.args, got)
		}
	}
	vars := map[string]string{"SERF_RPC_ADDR": addrs[2], "SERF_RPC_TLS_CA": a.File, "SERF_RPC_TLS_SERVER_NAME": "web-1.example.com"}
	if got := runLine(t.Context(), vars, "members"); got.code != exitOK {
		t.Errorf("by the environment: %+v", got)
	}
	vars = map[string]string{"SERF_RPC_ADDR": addrs[0], "SERF_RPC_TLS_CA": "gone"}
	if got := runLine(t.Context(), vars, "members"); got.code != exitOK {
		t.Errorf("what the environment has for TLS doesn't matter without it: %+v", got)
	}
	r.stdout.await(t, `agent.ipc: Accepted client: `+regexp.QuoteMeta(strings.TrimPrefix(addrs[1], "unix://"))+processOf()+`\n`)
	stop(r)
}

// Whoever connects in a way that doesn't fit learns which one does.
func TestClientsThatDoNotFit(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("s")
	own, ownKey := a.Client("c")
	r := runTestAgent(t, "-rpc-addr=127.0.0.1:0,tls://127.0.0.1:0", "-rpc-tls-cert", cert, "-rpc-tls-key", key, "-rpc-tls-client-ca", a.File).started()
	plain, encrypted, _ := strings.Cut(r.addr("RPC"), ",")
	if got := members(t, encrypted, "-rpc-tls-ca", a.File, "-rpc-tls-cert", own, "-rpc-tls-key", ownKey); got.code != exitOK {
		t.Errorf("with a certificate: %+v", got)
	}
	for _, tc := range []struct {
		addr, args, want string
	}{
		{encrypted, "-rpc-tls-ca=" + a.File, "remote error: tls: certificate required\nThe agent demands a certificate: give it with -rpc-tls-cert and -rpc-tls-key.\n"},
		{encrypted, "", "If the agent's certificate isn't of an authority that this system trusts, give that with -rpc-tls-ca or SERF_RPC_TLS_CA.\n"},
		{encrypted, "-rpc-tls-server-name=other -rpc-tls-ca=" + a.File, "certificate is valid for s, not other\nIf that is the agent, give a name of its certificate with -rpc-tls-server-name or SERF_RPC_TLS_SERVER_NAME.\n"},
		{encrypted, "-rpc-tls-cert=" + own, "serf members: a client's certificate and its key are needed together\n"},
		{encrypted, "-rpc-tls-ca=" + key, key + ": no certificate in PEM form is in it\n"},
		{encrypted, "-rpc-tls-cert=" + own + " -rpc-tls-key=" + key, key + ": not the key of " + own + ": tls: private key does not match public key\n"},
		{plain, "-rpc-tls-ca=" + a.File, "serf members: -rpc-tls-ca: only for an address tls://host:port, and -rpc-addr is " + plain + "\n"},
		{"tls://" + plain, "-rpc-tls-ca=" + a.File, "dial tls://" + plain + ": no TLS is spoken there: is that the address for plain RPC? "},
		{strings.TrimPrefix(encrypted, "tls://"), "", "it hangs up. Is that the agent's RPC port, and not the one for gossip, or for TLS?\n"},
	} {
		if runtime.GOOS == "windows" && tc.args == "" && tc.addr == encrypted {
			continue // asks the system about authorities, which Wine can't answer
		}
		got := members(t, tc.addr, strings.Fields(tc.args)...)
		if got.code != exitError || !strings.Contains(got.stderr, tc.want) {
			t.Errorf("%s %s: exit code %d, %s\nwant %s", tc.addr, tc.args, got.code, got.stderr, tc.want)
		}
	}
	stop(r)
}

func TestReloadReplacesTheCertificate(t *testing.T) {
	t.Parallel()
	a, next := systest.NewAuthority(t), systest.NewAuthority(t)
	cert, key := a.Server("s")
	r := runTestAgent(t, "-rpc-addr=tls://127.0.0.1:0", "-rpc-tls-cert", cert, "-rpc-tls-key", key).started()
	addr := r.addr("RPC")
	newCert, newKey := next.Server("s")
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, to, string(b))
	}
	if got := members(t, addr, "-rpc-tls-ca", a.File); got.code != exitOK {
		t.Errorf("before the reload: %+v", got)
	}
	r.send(reloadSignal)
	r.stdout.await(t, `==> Configuration reloaded: the certificates for RPC are new\n`)
	if got := members(t, addr, "-rpc-tls-ca", next.File); got.code != exitOK {
		t.Errorf("after the reload: %+v", got)
	}
	rewrite(t, cert, "junk")
	r.send(reloadSignal)
	r.errs.await(t, regexp.QuoteMeta("Error: -rpc-tls-cert: "+cert+": no certificate in PEM form is in it")+`\n(.*\n)*==> Failed to reload configs, nothing was changed\n`)
	if got := members(t, addr, "-rpc-tls-ca", next.File); got.code != exitOK {
		t.Errorf("after a reload that failed: %+v", got)
	}
	stop(r)
}

func TestAgentWithBadSettingsOfRPC(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("s")
	old, oldKey := a.Issue("old", &x509.Certificate{NotBefore: time.Unix(1, 0), NotAfter: time.Unix(2, 0)})
	s, err := loadSetup([]string{"-node=n", "-bind=127.0.0.1", "-rpc-addr=tls://127.0.0.1:0", "-rpc-tls-cert", old, "-rpc-tls-key", oldKey})
	if want := "-rpc-tls-cert: " + old + ": the certificate has expired at 1970-01-01T00:00:02Z"; err != nil || len(s.warnings) != 1 || s.warnings[0] != want {
		t.Errorf("%v, warnings %q, want %q", err, s.warnings, want)
	}
	group := `-rpc-socket-group: this host has no group "no such group"`
	if runtime.GOOS == "windows" {
		group = "-rpc-socket-group: not on Windows: who may use a socket is decided by its folder there"
	}
	for args, want := range map[string]string{
		"-rpc-tls-cert=" + cert + "\n-rpc-tls-key=" + oldKey:                              "-rpc-tls-key: " + oldKey + ": not the key of " + cert + ": tls: private key does not match public key",
		"-rpc-tls-cert=" + cert + "\n-rpc-tls-key=" + key + "\n-rpc-tls-client-ca=" + key: "-rpc-tls-client-ca: " + key + ": no certificate in PEM form is in it",
		"-rpc-socket-group=no such group":                                                 group,
	} {
		_, err := loadSetup(append([]string{"-node=n", "-bind=127.0.0.1", "-rpc-addr=" + socketURL(t) + ",tls://127.0.0.1:0", "-rpc-tls-cert=" + cert, "-rpc-tls-key=" + key},
			strings.Split(args, "\n")...))
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A socket is refused as a port is: before anybody sees the agent.
func TestSocketThatIsInUse(t *testing.T) {
	t.Parallel()
	url := socketURL(t)
	r := runTestAgent(t, "-rpc-addr="+url).started()
	second := runTestAgent(t, "-rpc-addr=127.0.0.1:0,"+url)
	second.wantExit(exitError)
	second.errs.await(t, "==> Error starting RPC listener: "+regexp.QuoteMeta(url)+": a running agent or another program listens there\n")
	if got := members(t, url); got.code != exitOK {
		t.Errorf("%+v", got)
	}
	stop(r)
}

func TestWarningsAboutOpenRPC(t *testing.T) {
	t.Parallel()
	a := systest.NewAuthority(t)
	cert, key := a.Server("s")
	r := runTestAgent(t, "-rpc-addr=0.0.0.0:0,tls://0.0.0.0:0", "-rpc-tls-cert", cert, "-rpc-tls-key", key).started()
	r.stdout.await(t, `\[WARN\] agent: RPC on \S+:\d+ is open to everybody who can reach it: set rpc_auth, or bind it to 127.0.0.1\n`)
	r.stdout.await(t, `\[WARN\] agent: RPC on tls://0.0.0.0:\d+ is open to everybody who can reach it: set rpc_auth, or rpc_tls_client_ca\n`)
	stop(r)
	if runtime.GOOS == "windows" {
		return
	}
	url := socketURL(t)
	r = runTestAgent(t, "-rpc-socket-mode=0666", "-rpc-addr="+url).started()
	r.stdout.await(t, `\[WARN\] agent: RPC on `+url+` is open to all users of this host: set rpc_auth, or another rpc_socket_mode\n`)
	stop(r)
}

func TestHandlersGetTheAddressThatFitsMostClients(t *testing.T) {
	socket, port := listenerAtSocket(), listenerAt(t, "127.0.0.1:0", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	encrypted := listenerAt(t, "tls://127.0.0.1:0", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2})
	for want, all := range map[string][]rpcListener{
		"127.0.0.1:1": {encrypted, socket, port}, "unix:///s": {encrypted, socket}, "tls://127.0.0.1:2": {encrypted},
	} {
		if got := handlerAddr(all); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
