package main

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"serf/agent"
)

func TestAgentSendsToStatsd(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	r := runTestAgent(t, "-config-file", configFile(t, fmt.Sprintf(`{"statsd_addr": %q}`, server.LocalAddr()))).started()
	r.send(dumpSignal) // is taken when the agent is up, so that it has been measured
	r.errs.await(t, `memberlist\.health\.score': 0\.000`)
	b := make([]byte, 2048)
	n, _, err := server.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b[:n]); !strings.Contains(text, "serf-agent.serf.member.join:1.000000|c\n") {
		t.Errorf("statsd got:\n%s", text)
	}
}

func TestAgentChecksDiscovery(t *testing.T) {
	t.Parallel()
	r := runTestAgent(t, "-discover=?")
	r.wantExit(exitError)
	r.errs.await(t, `==> Error: -discover: "\?": only letters, digits, dots, dashes and underscores`)
	r = runTestAgent(t, "-discover=x", "-mdns-iface=no-such-one")
	r.wantExit(exitError)
	r.errs.await(t, `==> Error: -mdns-iface: mdns interface "no-such-one": there is no such interface\n`)
}

func TestMDNSInterface(t *testing.T) {
	var s setup
	if got := s.mdnsInterface(); got != "" {
		t.Errorf("%q, want the system's choice", got)
	}
	s.conf.Interface = "eth0"
	if got := s.mdnsInterface(); got != "eth0" {
		t.Errorf("%q, want that of -iface", got)
	}
	s.conf.MDNSInterface = "eth1"
	if got := s.mdnsInterface(); got != "eth1" {
		t.Errorf("%q, want that of -mdns-iface", got)
	}
}

// Both lists have to be the same.
func TestConfigurationTakesEachFacility(t *testing.T) {
	for _, f := range agent.SyslogFacilities {
		if _, err := loadSetup([]string{"-config-file", configFile(t, fmt.Sprintf(`{"syslog_facility": %q}`, f)), "-node=n", "-bind=127.0.31.1"}); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestAgentNeedsSyslog(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("only windows is sure to have no syslog")
	}
	r := runTestAgent(t, "-syslog")
	r.wantExit(exitError)
	r.errs.await(t, `==> Error starting Serf agent: syslog: not available on windows\n`)
}
