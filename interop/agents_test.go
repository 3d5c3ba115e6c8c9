package interop

import (
	"testing"
)

// TestDebian runs a cluster of agents of Debian's serf, the published one and ours.
func TestDebian(t *testing.T) {
	t.Parallel()
	debian := debianProgram.start(t, options{name: "debian", tags: map[string]string{"make": "debian"}}, dialOwn)
	published := originalProgram.start(t, options{name: "published", tags: map[string]string{"make": "published"}}, dialOwn)
	own := ownProgram.start(t, options{name: "own", tags: map[string]string{"make": "own"}}, dialOriginal)

	must(t, debian.join(false, own))
	must(t, own.join(false, published))
	all := []member{debian, published, own}
	wantAgreement(t, all...)
	for _, m := range all {
		must(t, m.setTags(map[string]string{"make": "new " + m.name()}))
	}
	wantAgreement(t, all...)
	for _, m := range all {
		must(t, m.event("from-"+m.name(), []byte("payload"), false))
	}
	for _, m := range all {
		wantEvent(t, "user from-"+m.name()+" payload", all...)
	}
	for _, m := range all {
		got, err := m.query(question{name: echoQuery, payload: m.name(), ack: true, timeout: queryTimeout / 3})
		must(t, err)
		wantAnswers(t, got, all, all, m.name())
	}

	debian.kill()
	wantStatus(t, "debian", "failed", published, own)
	wantEvent(t, "member-failed debian", published, own)
	must(t, own.forceLeave("debian", false))
	wantStatus(t, "debian", "left", published, own)
	back := debianProgram.start(t, options{name: "debian", ip: debian.bind.Addr()}, dialOwn, "-join="+own.bind.String())
	wantAgreement(t, back, published, own)
	must(t, own.leave())
	wantDeparture(t, own, back, published)
}

// TestKilledNextToDebian is the other failure: ours, which the other two must notice.
func TestKilledNextToDebian(t *testing.T) {
	t.Parallel()
	debian := debianProgram.start(t, options{name: "debian"}, dialOwn)
	published := originalProgram.start(t, options{name: "published"}, dialOwn)
	own := ownProgram.start(t, options{name: "own"}, dialOriginal, "-join="+debian.bind.String())
	must(t, published.join(false, own))
	wantAgreement(t, debian, published, own)
	own.kill()
	wantStatus(t, "own", "failed", debian, published)
	back := ownProgram.start(t, options{name: "own", ip: own.bind.Addr(), tags: map[string]string{"life": "second"}}, dialOriginal,
		"-join="+debian.bind.String())
	wantAgreement(t, debian, published, back)
	must(t, debian.leave())
	wantDeparture(t, debian, published, back)
}
