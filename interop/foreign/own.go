package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Memberlist's own tests are of its package, not beside it, and most look inside. Those that don't
// are found by compiling all of them in a package that has ours under memberlist's names, and
// dropping the declarations that the compiler refuses, until it refuses none. Nothing of them is
// kept here: they are read from the module cache each time.
//
// Some look inside only for what the API has in another way, mostly the port in a configuration. For
// these, testdata/standins.go has functions, and rewrites puts them in.

// rewrites are what is changed in the text of the tests, so that it is the API that they use.
var rewrites = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`\b(\w+)\.(config)\b`), "configOf($1)"},
	{regexp.MustCompile(`\b(m\w*|src|dst)\.(estNumNodes|setAlive|schedule)\(\)`), "$2($1)"},
	{regexp.MustCompile(`\b(t\d)\.addr\b`), "addrOf($1)"},
}

// ownTests are memberlist's own tests, laid out in a folder in which `go test` runs those that
// compile.
type ownTests struct {
	dir     string
	files   map[string][]byte
	decls   map[string][]decl   // by file
	dropped map[string][]string // by name of the declaration: what it needs that isn't API
	tests   int
}

// decl is a declaration at the top level of a file, or one part of a declaration in parentheses.
type decl struct {
	name      string
	method    string // the type that it is a method of
	from, to  int    // bytes
	line, end int
}

// layOutOwn copies memberlist's tests to dir, a folder for a module of its name that has our package,
// and drops those that don't compile.
func layOutOwn(dir string) (*ownTests, error) {
	module, err := moduleDir(own)
	if err != nil {
		return nil, err
	}
	o := &ownTests{
		dir:     dir,
		files:   map[string][]byte{},
		decls:   map[string][]decl{},
		dropped: map[string][]string{},
	}
	if err := o.copyModule(module); err != nil {
		return nil, err
	}
	if err := o.parse(); err != nil {
		return nil, err
	}
	for {
		again, err := o.dropRefused()
		if err != nil || !again {
			return o, err
		}
	}
}

// copyModule makes a module of memberlist's name with memberlist's tests and what they import of its
// internal packages, and with our package in memberlist's place.
func (o *ownTests) copyModule(module string) error {
	if err := os.CopyFS(filepath.Join(o.dir, "internal"), os.DirFS(filepath.Join(module, "internal"))); err != nil {
		return err
	}
	tests, err := filepath.Glob(filepath.Join(module, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range tests {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, r := range rewrites {
			text = r.from.ReplaceAll(text, []byte(r.to))
		}
		o.files[filepath.Base(file)] = text
	}
	for _, file := range []string{"memberlist/memberlist.go", "testdata/standins.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		o.files[filepath.Base(file)] = createFunc.ReplaceAll(text, nil)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return err
	}
	mod = fmt.Appendf(mod, "\nrequire serf v0.0.0\n\nreplace serf => %s\n", root)
	sums, err := concat(filepath.Join(module, "go.sum"), "go.sum", "../../go.sum")
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(o.dir, "go.mod"), mod, 0o644),
		os.WriteFile(filepath.Join(o.dir, "go.sum"), sums, 0o644))
}

// concat returns the contents of files, one after the other.
func concat(files ...string) (all []byte, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, text...)
	}
	return all, nil
}

// parse finds the declarations of all tests.
func (o *ownTests) parse() error {
	for file, text := range o.files {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		add := func(name, method string, n ast.Node) {
			from, to := set.Position(n.Pos()), set.Position(n.End())
			o.decls[file] = append(o.decls[file],
				decl{name, method, from.Offset, to.Offset, from.Line, to.Line})
			if isTest(name) {
				o.tests++
			}
		}
		for _, d := range tree.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				add(d.Name.Name, receiver(d), d)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					whole := ast.Node(spec)
					if !d.Lparen.IsValid() {
						whole = d
					}
					add(specName(spec), "", whole)
				}
			}
		}
	}
	return nil
}

func specName(spec ast.Spec) string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Name.Name
	case *ast.ValueSpec:
		return spec.Names[0].Name
	}
	return "import"
}

// receiver returns the name of the type that a function is a method of.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	name, _ := t.(*ast.Ident)
	return name.String()
}

func isTest(name string) bool { return strings.HasPrefix(name, "Test") && name != "TestMain" }

// createFunc is memberlist.go's Create, in whose place the tests have that of the stand-ins.
var createFunc = regexp.MustCompile(`(?m)^\tCreate += .*$`)

// refusal is a line of the compiler: file:line:column: message.
var refusal = regexp.MustCompile(`(?m)^\.?/?(\w+_test\.go):(\d+):\d+: (.*)$`)

// dropRefused compiles the tests and blanks the declarations that were refused. Lines keep their
// numbers. It returns whether there were any.
func (o *ownTests) dropRefused() (bool, error) {
	for file, text := range o.files {
		if err := os.WriteFile(filepath.Join(o.dir, file), text, 0o644); err != nil {
			return false, err
		}
	}
	cmd := exec.Command("go", "test", "-c", "-mod=mod", "-vet=off", "-gcflags=-e", "-o", os.DevNull, ".")
	cmd.Dir = o.dir
	output, err := cmd.CombinedOutput()
	if err == nil {
		return false, nil
	}
	lines := refusal.FindAllSubmatch(output, -1)
	blanked := false
	for _, line := range lines {
		number, _ := strconv.Atoi(string(line[2]))
		blanked = o.drop(string(line[1]), number, string(line[3])) || blanked
	}
	if !blanked {
		return false, fmt.Errorf("memberlist's tests don't compile: %w\n%s", err, output)
	}
	return true, nil
}

// drop blanks the declaration at a line, for a reason that the compiler gave. A type that lost a
// method goes, too: it would do something else without.
func (o *ownTests) drop(file string, line int, message string) bool {
	for _, d := range o.decls[file] {
		if d.line > line || line > d.end {
			continue
		}
		needs := o.needs(message)
		o.blank(file, d, needs)
		for _, t := range o.decls[file] {
			if d.method != "" && t.name == d.method && t.method == "" {
				o.blank(file, t, needs)
			}
		}
		return true
	}
	return false
}

// blank replaces a declaration by spaces.
func (o *ownTests) blank(file string, d decl, needs []string) {
	text := o.files[file]
	for i := d.from; i < d.to; i++ {
		if text[i] != '\n' {
			text[i] = ' '
		}
	}
	for _, need := range needs {
		if d.name != "import" && !slices.Contains(o.dropped[d.name], need) {
			o.dropped[d.name] = append(o.dropped[d.name], need)
		}
	}
}

var (
	undefinedName  = regexp.MustCompile(`^undefined: (\S+)`)
	undefinedField = regexp.MustCompile(`^(\S+) undefined \(`)
	unknownField   = regexp.MustCompile(`^unknown field (\S+) in`)
)

// needs returns what the compiler missed: a name, or in place of a function of the tests that was
// dropped, what that one needs.
func (o *ownTests) needs(message string) []string {
	for _, form := range []*regexp.Regexp{undefinedName, undefinedField, unknownField} {
		if m := form.FindStringSubmatch(message); m != nil {
			if further := o.dropped[m[1]]; len(further) > 0 {
				return further
			}
			return []string{m[1]}
		}
	}
	return []string{message}
}

// leftOut returns the tests that were dropped, with what they need.
func (o *ownTests) leftOut() map[string][]string {
	out := map[string][]string{}
	for name, needs := range o.dropped {
		if isTest(name) {
			out[name] = needs
		}
	}
	return out
}
