package house

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/api anew")

// apiFolder has what each package exports that other modules can import: a line for each constant,
// variable, function, type, field and method.
const apiFolder = "testdata/api"

// What embedders compile against changes only when somebody means it to.
func TestAPIIsAsWrittenDown(t *testing.T) {
	packages := listPackages(t)
	public := make(map[string]bool)
	for path, p := range packages {
		if p.name == "main" || strings.Contains(path+"/", "/internal/") || len(p.files) == 0 {
			continue
		}
		file := strings.ReplaceAll(strings.TrimPrefix(path, "serf/"), "/", ".") + ".txt"
		public[file] = true
		checkAPI(t, file, p.api(packages))
	}
	written, err := filepath.Glob(apiFolder + "/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range written {
		if !public[filepath.Base(path)] {
			if *update {
				os.Remove(path)
				continue
			}
			t.Errorf("%s is of a package that isn't there: programs that import it no longer build. %s", path, apiAdvice)
		}
	}
	if len(public) < 25 {
		t.Errorf("only %d packages found", len(public))
	}
}

const apiAdvice = "If that is meant, run go test ./internal/house -run API -update, and say in CHANGELOG.md what users have to change"

// checkAPI compares what a package exports with what is written down.
func checkAPI(t *testing.T, file string, lines []string) {
	path := filepath.Join(apiFolder, file)
	if *update {
		if err := os.MkdirAll(apiFolder, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("a package that isn't written down: %v. Run go test ./internal/house -run API -update, or make it internal", err)
		return
	}
	if diff := lineDiff(strings.Split(strings.TrimSpace(string(text)), "\n"), lines); diff != "" {
		t.Errorf("%s: the API has changed:\n%s%s", path, diff, apiAdvice)
	}
}

// lineDiff says which lines of sorted lists are gone, and which are new.
func lineDiff(before, after []string) string {
	var b strings.Builder
	for _, l := range before {
		if _, found := slices.BinarySearch(after, l); !found {
			b.WriteString("\t- " + l + "\n")
		}
	}
	for _, l := range after {
		if _, found := slices.BinarySearch(before, l); !found {
			b.WriteString("\t+ " + l + "\n")
		}
	}
	return b.String()
}

// goPackage is a package as its files have it.
type goPackage struct {
	name  string
	files []*ast.File
}

// listPackages reads all packages of the module, as they are built on Linux.
func listPackages(t *testing.T) map[string]*goPackage {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: ", err)
	}
	list := exec.Command(tool, "list", "-f", `{{.ImportPath}}|{{.Dir}}|{{.Name}}|{{join .GoFiles "|"}}`, "./...")
	list.Dir = "../.."
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := make(map[string]*goPackage)
	fset := token.NewFileSet()
	for line := range strings.Lines(string(out)) {
		part := strings.Split(strings.TrimSpace(line), "|")
		p := &goPackage{name: part[2]}
		packages[part[0]] = p
		for _, name := range part[3:] {
			if name == "" {
				continue
			}
			f, err := parser.ParseFile(fset, filepath.Join(part[1], name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			p.files = append(p.files, f)
		}
	}
	return packages
}

// api lists what a package exports. A name for a type of an internal package stands for all of that
// type, which nothing else shows.
func (p *goPackage) api(all map[string]*goPackage) (lines []string) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				lines = append(lines, funcLines(d, "", "")...)
			case *ast.GenDecl:
				lines = append(lines, valueLines(d)...)
				for _, s := range d.Specs {
					if s, is := s.(*ast.TypeSpec); is && s.Name.IsExported() {
						lines = append(lines, typeLines(s, s.Name.Name)...)
						lines = append(lines, internalLines(f, s, all)...)
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// internalLines lists the type of an internal package that s is another name for.
func internalLines(f *ast.File, s *ast.TypeSpec, all map[string]*goPackage) (lines []string) {
	of, is := s.Type.(*ast.SelectorExpr)
	if !is || !s.Assign.IsValid() {
		return nil
	}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if !strings.HasSuffix(path, "/"+of.X.(*ast.Ident).Name) || !strings.Contains(path, "/internal/") || all[path] == nil {
			continue
		}
		for _, f := range all[path].files {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					lines = append(lines, funcLines(d, of.Sel.Name, s.Name.Name)...)
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						if spec, is := spec.(*ast.TypeSpec); is && spec.Name.Name == of.Sel.Name {
							lines = append(lines, typeLines(spec, s.Name.Name)...)
						}
					}
				}
			}
		}
	}
	return lines
}

// funcLines is the line of an exported function or method. With a receiver, only its methods count,
// under another name.
func funcLines(d *ast.FuncDecl, receiver, as string) []string {
	if !d.Name.IsExported() || d.Recv == nil && receiver != "" {
		return nil
	}
	if d.Recv == nil {
		return []string{"func " + d.Name.Name + typeParams(d.Type.TypeParams) + signature(d.Type)}
	}
	on := show(d.Recv.List[0].Type)
	base, _, _ := strings.Cut(strings.TrimLeft(on, "*"), "[")
	if !ast.IsExported(base) || receiver != "" && base != receiver {
		return nil
	}
	if receiver != "" {
		on = strings.Replace(on, base, as, 1)
	}
	return []string{"method (" + on + ") " + d.Name.Name + signature(d.Type)}
}

// valueLines are the lines of constants and variables.
func valueLines(d *ast.GenDecl) (lines []string) {
	var inherited ast.Expr // of constants that repeat the expression before
	for _, s := range d.Specs {
		v, is := s.(*ast.ValueSpec)
		if !is {
			continue
		}
		if v.Type != nil || len(v.Values) > 0 {
			inherited = v.Type
		}
		for i, name := range v.Names {
			if !name.IsExported() {
				continue
			}
			line := d.Tok.String() + " " + name.Name
			switch {
			case inherited != nil:
				line += " " + show(inherited)
			case i < len(v.Values):
				line += " = " + value(v.Values[i])
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// value shows an expression as far as it says something about a variable's type.
func value(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return show(e.Type) + "{...}"
	case *ast.FuncLit:
		return show(e.Type)
	case *ast.UnaryExpr:
		return e.Op.String() + value(e.X)
	case *ast.CallExpr:
		return show(e.Fun) + "(...)"
	}
	return show(e)
}

// typeLines are those of a type, by another name perhaps.
func typeLines(s *ast.TypeSpec, name string) []string {
	head := "type " + name + typeParams(s.TypeParams)
	if s.Assign.IsValid() {
		return []string{head + " = " + show(s.Type)}
	}
	switch x := s.Type.(type) {
	case *ast.StructType:
		return append([]string{head + " struct"}, memberLines(head+" struct, ", x.Fields)...)
	case *ast.InterfaceType:
		return append([]string{head + " interface"}, memberLines(head+" interface, ", x.Methods)...)
	}
	return []string{head + " " + show(s.Type)}
}

// memberLines are those of fields or methods.
func memberLines(head string, list *ast.FieldList) (lines []string) {
	for _, f := range list.List {
		if len(f.Names) == 0 {
			if text := show(f.Type); ast.IsExported(text[strings.LastIndexAny(text, "*.")+1:]) {
				lines = append(lines, head+"embedded "+text)
			}
		}
		for _, name := range f.Names {
			method, is := f.Type.(*ast.FuncType)
			switch {
			case !name.IsExported() && strings.Contains(head, " interface, "):
				lines = append(lines, head+"unexported methods")
			case !name.IsExported():
			case is && strings.Contains(head, " interface, "):
				lines = append(lines, head+name.Name+signature(method))
			default:
				lines = append(lines, head+name.Name+" "+show(f.Type))
			}
		}
	}
	return lines
}

func typeParams(list *ast.FieldList) string {
	if list == nil {
		return ""
	}
	var params []string
	for _, f := range list.List {
		for _, name := range f.Names {
			params = append(params, name.Name+" "+show(f.Type))
		}
	}
	return "[" + strings.Join(params, ", ") + "]"
}

// signature shows parameters and results without their names.
func signature(f *ast.FuncType) string {
	results := typeList(f.Results)
	switch {
	case f.Results == nil:
		return "(" + typeList(f.Params) + ")"
	case f.Results.NumFields() > 1:
		results = "(" + results + ")"
	}
	return "(" + typeList(f.Params) + ") " + results
}

func typeList(list *ast.FieldList) string {
	if list == nil {
		return ""
	}
	var parts []string
	for _, f := range list.List {
		for range max(1, len(f.Names)) {
			parts = append(parts, show(f.Type))
		}
	}
	return strings.Join(parts, ", ")
}

// show writes a type in one line, without names of parameters.
func show(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.FuncType:
		return "func" + signature(e)
	case *ast.StarExpr:
		return "*" + show(e.X)
	case *ast.Ellipsis:
		return "..." + show(e.Elt)
	case *ast.ArrayType:
		if e.Len == nil {
			return "[]" + show(e.Elt)
		}
		return "[" + types.ExprString(e.Len) + "]" + show(e.Elt)
	case *ast.MapType:
		return "map[" + show(e.Key) + "]" + show(e.Value)
	case *ast.StructType:
		return "struct{" + strings.Join(memberLines("", e.Fields), "; ") + "}"
	}
	return types.ExprString(e)
}

// Each kind of declaration has a line, and what isn't exported has none.
func TestAPILines(t *testing.T) {
	const source = `package p
import "serf/internal/x"
const ( A Kind = iota; B; c; D = 5 )
var E = errors.New("e")
var F, g int
type Kind uint8
func (k *Kind) String() string { return "" }
func (k Kind) hidden() {}
func New(ctx context.Context, names ...string) (k *Kind, err error) { return }
type S[T any] struct { Name, Other string; small int; Kind; *local; Call func(n int) (ok bool, err error) }
func (s *S[T]) All() iter.Seq2[T, error] { return nil }
type I interface { Do(a, b int) error; hide(); io.Closer }
type Spec = x.Inner
type local struct{ Visible int }
func (l local) Method() {}
`
	const internal = `package x
type Inner struct{ Bind string; own int }
type Outer struct{ Bind string }
func (i *Inner) Check() error { return nil }
func (o Outer) Check() {}
`
	parse := func(text string) *goPackage {
		f, err := parser.ParseFile(token.NewFileSet(), "p.go", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		return &goPackage{files: []*ast.File{f}}
	}
	got := parse(source).api(map[string]*goPackage{"serf/internal/x": parse(internal)})
	want := []string{
		"const A Kind", "const B Kind", "const D = 5",
		"func New(context.Context, ...string) (*Kind, error)",
		"method (*Kind) String() string", "method (*S[T]) All() iter.Seq2[T, error]", "method (*Spec) Check() error",
		"type I interface", "type I interface, Do(int, int) error", "type I interface, embedded io.Closer", "type I interface, unexported methods",
		"type Kind uint8", "type S[T any] struct", "type S[T any] struct, Call func(int) (bool, error)", "type S[T any] struct, Name string",
		"type S[T any] struct, Other string", "type S[T any] struct, embedded Kind",
		"type Spec = x.Inner", "type Spec struct", "type Spec struct, Bind string", "var E = errors.New(...)", "var F int",
	}
	if diff := lineDiff(want, got); diff != "" {
		t.Errorf("- wanted, + found:\n%s", diff)
	}
	if diff := lineDiff([]string{"a", "b"}, []string{"b", "c"}); diff != "\t- a\n\t+ c\n" {
		t.Errorf("difference %q", diff)
	}
}
