// Package embed tests serf/compat/serf beside what it stands for, the published
// github.com/hashicorp/serf/serf: the original's own tests on it, and programs that are moved from
// one to the other by their import lines.
//
//	cd interop && go test ./embed               # 40 s on two processors
//	cd interop && go test -run Suite -v ./embed # the original's tests, one by one
//
// Nothing of the original is copied into this repository: its files are read from the module cache
// and laid over packages that exist only while the test runs (go test -overlay).
package embed
