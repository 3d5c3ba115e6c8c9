package house

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// layers lists the packages in an order in which they can be read: a package imports only packages
// of earlier lines.
var layers = []string{
	"internal/std internal/systest/lazygc",
	"internal/accept internal/certs internal/checkpoint internal/cputime internal/errno internal/invariant internal/nearest internal/rpcaddr internal/textwrap internal/eventfilter internal/msgpack internal/histogram " +
		"internal/sdnotify internal/theme",
	"internal/http1 internal/jsonfile internal/manual lamport wire swim/internal/paged swim/history swim/serf/coord",
	"swim internal/dissect internal/fielderr",
	"swim/serf driver",
	"driver/memnet internal/hostaddr internal/repeats",
	"internal/notes",
	"internal/notes/serfnotes",
	"internal/timing internal/memberfilter membership compat/internal/hooks",

	"netsim",
	"netsim/report",
	"netsim/cluster",
	"netsim/scenario",
	"netsim/page netsim/report/page netsim/study netsim/twin netsim/advice",

	"agent/disk agent/handler agent/survey agent/rpc/internal/protocol agent/http/page agent/http/projection agent/http/nethttp",
	"agent/recording",
	"agent agent/config internal/replay",
	"internal/replay/conversation",
	"agent/http agent/rpc agent/mdns agent/rpc/server agent/snapshot agent/telemetry agent/metrics compat/coordinate compat/memberlist",
	"compat/serf",

	"internal/watch",
	"cmd/serf internal/mutate",
	"examples/deploy examples/dns examples/flags examples/follow examples/http examples/jobs examples/leader examples/ring examples/service",
}

// apart are packages that know nothing of each other, in whatever order layers has them.
var apart = [][2]string{{"netsim", "agent"}, {"netsim", "driver"}, {"membership", "agent"}}

// libraries are the modules that code other than tests may import, each with its only users.
// Anything else of the field is welcome if it spares code of our own; say in the commit why.
var libraries = map[string][]string{
	"github.com/hashicorp/go-metrics": {"compat/memberlist", "compat/serf"}, // a type of their API

	"golang.org/x/net":  {"agent/mdns", "examples/dns"},
	"golang.org/x/sync": {"cmd/serf", "netsim/scenario"},
	"golang.org/x/sys":  {"agent", "driver", "internal/errno", "agent/disk", "agent/handler", "cmd/serf", "internal/sdnotify", "internal/systest"},
	"golang.org/x/term": {"cmd/serf"},
	"golang.org/x/text": {"internal/watch"},

	// What it initialises is 0.4 MB of any program that imports it: the command serf doesn't.
	"net/http": {"agent/http/nethttp", "examples/flags", "examples/http", "examples/ring", "examples/service"},
}

// upwardImports finds imports that break the order of layers.
func upwardImports(all []*source) (found findings) {
	layer := make(map[string]int)
	for i, line := range layers {
		for _, pkg := range strings.Fields(line) {
			layer[pkg] = i
		}
	}
	for _, s := range all {
		if s.test || under(s.pkg(), "interop") {
			continue
		}
		own, known := layer[s.pkg()]
		if !known {
			found.add(s.path, 1, "package %s is in no layer: add it to layers, on the earliest line that its imports allow", s.pkg())
			continue
		}
		for _, path := range imports(s) {
			of, ours := strings.CutPrefix(path, "serf/")
			if ours && layer[of] >= own {
				found.add(s.path, 1, "imports %s, which isn't on an earlier line of layers", of)
			}
		}
	}
	return found
}

// importsAcross finds imports between packages that are to stay apart.
func importsAcross(all []*source) (found findings) {
	for _, s := range all {
		for _, path := range imports(s) {
			for _, a := range apart {
				of := strings.TrimPrefix(path, "serf/")
				if under(s.pkg(), a[0]) && under(of, a[1]) || under(s.pkg(), a[1]) && under(of, a[0]) {
					found.add(s.path, 1, "imports %s", of)
				}
			}
		}
	}
	return found
}

// unknownLibraries finds imports of other modules that libraries doesn't allow.
func unknownLibraries(all []*source) (found findings) {
	for _, s := range all {
		if s.test || under(s.pkg(), "interop") {
			continue
		}
		for _, path := range imports(s) {
			first, _, _ := strings.Cut(path, "/")
			if _, listed := libraries[path]; !listed && !strings.Contains(first, ".") {
				continue
			}
			if !slices.ContainsFunc(librariesOf(s.pkg()), func(module string) bool { return under(path, module) }) {
				found.add(s.path, 1, "imports %s", path)
			}
		}
	}
	return found
}

// librariesOf returns the modules that a package may import.
func librariesOf(pkg string) (modules []string) {
	for module, users := range libraries {
		if slices.Contains(users, pkg) {
			modules = append(modules, module)
		}
	}
	return modules
}

// under tells whether path is the folder or lies in it.
func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// imports returns the paths that a file imports.
func imports(s *source) (paths []string) {
	for _, i := range s.tree.Imports {
		path, _ := strconv.Unquote(i.Path.Value) // the parser has seen to it
		paths = append(paths, path)
	}
	return paths
}

// core are the packages of the node, which is a function of its inputs.
var core = []string{"internal/invariant", "internal/checkpoint", "internal/msgpack", "internal/histogram", "lamport", "wire", "swim"}

// coreImports is what the core may import of Go's library. Nothing in it reads a clock, a socket or
// a global random source, but for the functions of impure.
var coreImports = strings.Fields(`bytes cmp crypto/aes crypto/cipher crypto/sha256 encoding/base64 encoding/binary encoding/hex errors fmt hash/crc32 iter
	maps math math/bits math/rand/v2 net/netip regexp slices sort strconv strings time unicode/utf8`)

// impure are the functions of allowed packages that aren't functions of their inputs, by the
// package's name. The simulator does without them, too: a run is a function of its seed.
var impure = map[string]string{
	"time": "Now Since Until Sleep After AfterFunc Tick NewTimer NewTicker",
	"rand": "Int IntN Int64 Int64N Uint32 Uint64 Uint64N Float64 N Perm Shuffle",
	"fmt":  "Print Println Printf",
}

// impureCore finds what makes the core, or a simulation, depend on more than its inputs.
func impureCore(all []*source) (found findings) {
	for _, s := range all {
		isCore := slices.ContainsFunc(core, func(pkg string) bool { return under(s.pkg(), pkg) })
		if s.test || !isCore && !under(s.pkg(), "netsim") {
			continue
		}
		found.addImpure(s)
		if isCore {
			found.addNotCore(s)
		}
	}
	return found
}

// addImpure finds each use of a clock or of global randomness.
func (f *findings) addImpure(s *source) {
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if n, ok := n.(*ast.SelectorExpr); ok {
			x, ok := n.X.(*ast.Ident)
			if ok && slices.Contains(strings.Fields(impure[x.Name]), n.Sel.Name) {
				f.add(s.path, s.line(n.Pos()), "%s.%s isn't a function of its inputs", x.Name, n.Sel.Name)
			}
		}
		return true
	})
}

// addNotCore finds imports that the core does without, goroutines and channels.
func (f *findings) addNotCore(s *source) {
	for _, path := range imports(s) {
		if !strings.HasPrefix(path, "serf/") && !slices.Contains(coreImports, path) {
			f.add(s.path, 1, "the core doesn't import %s", path)
		}
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			f.add(s.path, s.line(n.Pos()), "the core has no goroutines and channels")
		}
		return true
	})
}
