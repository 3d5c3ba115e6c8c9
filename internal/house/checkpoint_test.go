package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"

	"path"
	"path/filepath"
	"slices"

	"strings"
	"testing"
)

// notSaved are the fields of what a node consists of that its checkpoint doesn't have, and types
// none of whose fields it has, each with the reason. What a field leads to isn't looked at then.
var notSaved = map[string]string{
	"swim.Config.Sealer":      "the layer above has its keys, and the rest never changes",
	"swim.Config.Zones":       "the layer above has them",
	"swim.Node.changes":       "belongs to a driver, which has to ask for it again",
	"serf.table.changes":      "the same",
	"swim.view.changes":       "is for simulations, which know a restored node as another one",
	"swim.Node.candidates":    "memory that is used within a call",
	"serf.Node.call":          "what one call collects",
	"serf.Node.buf":           "memory that is used within a call",
	"serf.Node.picks":         "memory that is used within a call",
	"serf.gossip.buf":         "memory that is used within a call",
	"swim.gossip.sparing":     "is set within a call",
	"swim.Rebroadcasts.free":  "memory to be used again",
	"swim.differences.able":   "follows from the configuration",
	"swim.differences.above":  "follows from the configuration",
	"swim.pendingPings.due":   "follows from the pings",
	"swim.suspicions.due":     "follows from the suspicions",
	"swim.suspicions.index":   "follows from the suspicions",
	"swim.Queue.Fair":         "never changes",
	"swim.Queue.Rebroadcasts": "never changes",
	"serf.coordinates.off":    "follows from the configuration",
	"swim.Queue.free":         "the numbers of slots mean nothing",
	"swim.Queue.byKey":        "follows from the slots",
	"swim.slot.next":          "the slots are saved in the order of their lists",
	"history.Log.pages":       "its records are saved one by one",
	"history.Log.byName":      "follows from the names",
	"history.Log.textSize":    "follows from the names",
	"lamport.ring.slots":      "what they hold is saved in the order of its times",
	"serf.gossip.queued":      "follows from the queues",
	"serf.table.order":        "is found again when somebody asks for it, as is ordered, and dirty",
	"serf.table.ordered":      "see order",
	"serf.table.dirty":        "see order",
	"serf.tagState.byMember":  "follows from the metadata that the membership has",
	"serf.tagState.sets":      "the same",
	"serf.idSet.bits":         "its members are saved one by one",
	"serf.coalescer.byMember": "follows from what was collected",
	"serf.coalescer.newest":   "follows from what was collected",
	"wire.Sealer":             "comes with the configuration, but for the keys",
	"swim.Roster.base":        "is the simulation's, as are the bounds of its part",
	"swim.Roster.baseM":       "see base",
	"swim.Roster.baseI":       "see base",
	"paged.Array.filter":      "follows from what was written to",
	"paged.Array.slots":       "its elements are saved one by one",
	"paged.Array.taken":       "follows from the slots",
	"paged.Array.dirty":       "which pages were written to is saved one by one",
	"paged.Array.sealed":      "a sealed array is the base's",
	"swim.list.rank":          "follows from its messages",
	"swim.list.first":         "the slots are saved in the order of their lists",
	"swim.recorder.nobody":    "is found again when somebody asks for it",
	"swim.zoning.shared":      "nobody else has what was restored",
}

// constructors set what a configuration says.
var constructors = []string{"New", "restore"}

// A node that is restored from a checkpoint has to go on as the one that was saved. So each field
// that a node leads to is saved by a function with a checkpoint.Coder, or it is said why not.
func TestEveryFieldOfANodeIsSaved(t *testing.T) {
	l := newLoader()
	node, err := l.Import("serf/swim/serf")
	if err != nil {
		t.Fatal(err)
	}
	f := fieldCheck{
		t: t, coded: make(map[*types.Var]bool), set: make(map[*types.Var]bool),
		seen: make(map[types.Type]bool), used: make(map[string]bool),
	}
	l.functions(func(d *ast.FuncDecl) {
		if l.codes(d) {
			l.addFields(d, f.coded)
		}
		if !slices.Contains(constructors, d.Name.Name) {
			l.addSettings(d, f.set)
		}
	})
	f.walk(node.Scope().Lookup("Node").Type(), "")
	if f.fields < 500 {
		t.Errorf("only %d fields found", f.fields)
	}
	for name := range notSaved {
		if !f.used[name] {
			t.Errorf("notSaved has %s, which is saved, or isn't there", name)
		}
	}
}

// fieldCheck walks from type to type by their fields.
type fieldCheck struct {
	t      *testing.T
	coded  map[*types.Var]bool
	set    map[*types.Var]bool // fields of a configuration that change while a node runs
	seen   map[types.Type]bool
	used   map[string]bool // of notSaved
	fields int
}

// walk checks the fields of t, whose name is given if the type has none of its own.
func (f *fieldCheck) walk(t types.Type, name string) {
	switch t := t.(type) {
	case *types.Pointer:
		f.walk(t.Elem(), name)
	case *types.Slice:
		f.walk(t.Elem(), name)
	case *types.Array:
		f.walk(t.Elem(), name)
	case *types.Map:
		f.walk(t.Key(), name)
		f.walk(t.Elem(), name)
	case *types.Struct:
		f.walkFields(t, name)
	case *types.Named:
		if f.seen[t] {
			return
		}
		f.seen[t] = true
		for i := range t.TypeArgs().Len() {
			f.walk(t.TypeArgs().At(i), name)
		}
		if pkg := t.Obj().Pkg(); pkg != nil && strings.HasPrefix(pkg.Path(), "serf/") {
			f.walk(t.Underlying(), path.Base(pkg.Path())+"."+t.Obj().Name())
		}
	}
}

func (f *fieldCheck) walkFields(s *types.Struct, name string) {
	if f.excused(name) {
		return
	}
	for i := range s.NumFields() {
		f.fields++
		v := s.Field(i)
		full := name + "." + v.Name()
		switch {
		case v.Name() == "_", strings.HasSuffix(name, ".Config") && !f.set[v] || f.excused(full):
			continue
		case !f.coded[v.Origin()]:
			f.t.Errorf("%s isn't in a checkpoint: save it in the function code of its type, or say in notSaved why not", full)
		}
		f.walk(v.Type(), full)
	}
}

func (f *fieldCheck) excused(name string) bool {
	_, ok := notSaved[name]
	f.used[name] = f.used[name] || ok
	return ok
}

// loader reads the packages of this module. Those of others are empty, and what is wrong for that
// reason doesn't matter: fields of structs here are found all the same.
type loader struct {
	files map[string][]*ast.File // by package
	set   *token.FileSet
	done  map[string]*types.Package
	info  types.Info
}

func newLoader() *loader {
	return &loader{
		files: make(map[string][]*ast.File), set: token.NewFileSet(),
		done: make(map[string]*types.Package),
		info: types.Info{
			Defs:       make(map[*ast.Ident]types.Object),
			Uses:       make(map[*ast.Ident]types.Object),
			Selections: make(map[*ast.SelectorExpr]*types.Selection),
		},
	}
}

// Import implements types.Importer.
func (l *loader) Import(name string) (*types.Package, error) {
	if p := l.done[name]; p != nil {
		return p, nil
	}
	folder, ours := strings.CutPrefix(name, "serf/")
	if !ours {
		p := types.NewPackage(name, path.Base(name))
		p.MarkComplete()
		l.done[name] = p
		return p, nil
	}
	names, err := filepath.Glob(filepath.Join("../..", folder, "*.go"))
	for _, file := range names {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(l.set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		l.files[name] = append(l.files[name], tree)
	}
	c := types.Config{Importer: l, Error: func(error) {}}
	l.done[name], _ = c.Check(name, l.set, l.files[name], &l.info)
	return l.done[name], err
}

// functions yields those of all packages that were read.
func (l *loader) functions(yield func(*ast.FuncDecl)) {
	for name := range l.done {
		for _, file := range l.files[name] {
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && name != "serf/internal/checkpoint" {
					yield(f)
				}
			}
		}
	}
}

// addSettings adds the fields of n.cfg that a function sets.
func (l *loader) addSettings(f *ast.FuncDecl, set map[*types.Var]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for _, left := range a.Lhs {
			x, ok := left.(*ast.SelectorExpr)
			if !ok || l.info.Selections[x] == nil {
				continue
			}
			if cfg, ok := x.X.(*ast.SelectorExpr); ok && cfg.Sel.Name == "cfg" {
				set[l.info.Selections[x].Obj().(*types.Var)] = true
			}
		}
		return true
	})
}

// codes tells whether a function has a Coder.
func (l *loader) codes(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return !found
		}
		o := l.info.Defs[id]
		if o == nil {
			o = l.info.Uses[id]
		}
		if v, ok := o.(*types.Var); ok && strings.HasSuffix(v.Type().String(), "checkpoint.Coder") {
			found = true
		}
		return !found
	})
	return found
}

// addFields adds the fields that a function mentions, and the embedded ones on the way to them.
func (l *loader) addFields(f *ast.FuncDecl, coded map[*types.Var]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		x, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		s := l.info.Selections[x]
		if s == nil {
			return true
		}
		t, path := s.Recv(), s.Index()
		if s.Kind() != types.FieldVal {
			path = path[:len(path)-1] // the method
		}
		for _, i := range path {
			if p, ok := t.Underlying().(*types.Pointer); ok {
				t = p.Elem()
			}
			v := t.Underlying().(*types.Struct).Field(i)
			coded[v.Origin()] = true
			t = v.Type()
		}
		return true
	})
}
