package shapes

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/memberlist"
	own "serf/compat/memberlist"
)

// api pairs what each package exports: functions and constants as they are, types as pointers to a
// value.
var api = map[string][2]any{
	"AddLabelHeaderToPacket": {memberlist.AddLabelHeaderToPacket, own.AddLabelHeaderToPacket},
	"AddLabelHeaderToStream": {memberlist.AddLabelHeaderToStream, own.AddLabelHeaderToStream},
	"Address":                {new(memberlist.Address), new(own.Address)},
	"AliveDelegate":          {new(memberlist.AliveDelegate), new(own.AliveDelegate)},
	"Broadcast":              {new(memberlist.Broadcast), new(own.Broadcast)},
	"ChannelEventDelegate":   {new(memberlist.ChannelEventDelegate), new(own.ChannelEventDelegate)},
	"Config":                 {new(memberlist.Config), new(own.Config)},
	"ConflictDelegate":       {new(memberlist.ConflictDelegate), new(own.ConflictDelegate)},
	"Create":                 {memberlist.Create, own.Create},
	"DefaultLANConfig":       {memberlist.DefaultLANConfig, own.DefaultLANConfig},
	"DefaultLocalConfig":     {memberlist.DefaultLocalConfig, own.DefaultLocalConfig},
	"DefaultWANConfig":       {memberlist.DefaultWANConfig, own.DefaultWANConfig},
	"Delegate":               {new(memberlist.Delegate), new(own.Delegate)},
	"EventDelegate":          {new(memberlist.EventDelegate), new(own.EventDelegate)},
	//lint:ignore SA1019 programs written before it was deprecated use it
	"IngestionAwareTransport":     {new(memberlist.IngestionAwareTransport), new(own.IngestionAwareTransport)},
	"Keyring":                     {new(memberlist.Keyring), new(own.Keyring)},
	"LabelMaxSize":                {memberlist.LabelMaxSize, own.LabelMaxSize},
	"LogAddress":                  {memberlist.LogAddress, own.LogAddress},
	"LogConn":                     {memberlist.LogConn, own.LogConn},
	"LogStringAddress":            {memberlist.LogStringAddress, own.LogStringAddress},
	"Memberlist":                  {new(memberlist.Memberlist), new(own.Memberlist)},
	"MergeDelegate":               {new(memberlist.MergeDelegate), new(own.MergeDelegate)},
	"MetaMaxSize":                 {memberlist.MetaMaxSize, own.MetaMaxSize},
	"MockAddress":                 {new(memberlist.MockAddress), new(own.MockAddress)},
	"MockNetwork":                 {new(memberlist.MockNetwork), new(own.MockNetwork)},
	"MockTransport":               {new(memberlist.MockTransport), new(own.MockTransport)},
	"NamedBroadcast":              {new(memberlist.NamedBroadcast), new(own.NamedBroadcast)},
	"NetTransport":                {new(memberlist.NetTransport), new(own.NetTransport)},
	"NetTransportConfig":          {new(memberlist.NetTransportConfig), new(own.NetTransportConfig)},
	"NewKeyring":                  {memberlist.NewKeyring, own.NewKeyring},
	"NewNetTransport":             {memberlist.NewNetTransport, own.NewNetTransport},
	"NoPingResponseError":         {new(memberlist.NoPingResponseError), new(own.NoPingResponseError)},
	"Node":                        {new(memberlist.Node), new(own.Node)},
	"NodeAwareTransport":          {new(memberlist.NodeAwareTransport), new(own.NodeAwareTransport)},
	"NodeEvent":                   {new(memberlist.NodeEvent), new(own.NodeEvent)},
	"NodeEventType":               {new(memberlist.NodeEventType), new(own.NodeEventType)},
	"NodeJoin":                    {memberlist.NodeJoin, own.NodeJoin},
	"NodeLeave":                   {memberlist.NodeLeave, own.NodeLeave},
	"NodeStateType":               {new(memberlist.NodeStateType), new(own.NodeStateType)},
	"NodeUpdate":                  {memberlist.NodeUpdate, own.NodeUpdate},
	"Packet":                      {new(memberlist.Packet), new(own.Packet)},
	"ParseCIDRs":                  {memberlist.ParseCIDRs, own.ParseCIDRs},
	"PingDelegate":                {new(memberlist.PingDelegate), new(own.PingDelegate)},
	"ProtocolVersion2Compatible":  {memberlist.ProtocolVersion2Compatible, own.ProtocolVersion2Compatible},
	"ProtocolVersionMax":          {memberlist.ProtocolVersionMax, own.ProtocolVersionMax},
	"ProtocolVersionMin":          {memberlist.ProtocolVersionMin, own.ProtocolVersionMin},
	"RemoveLabelHeaderFromPacket": {memberlist.RemoveLabelHeaderFromPacket, own.RemoveLabelHeaderFromPacket},
	"RemoveLabelHeaderFromStream": {memberlist.RemoveLabelHeaderFromStream, own.RemoveLabelHeaderFromStream},
	"StateAlive":                  {memberlist.StateAlive, own.StateAlive},
	"StateDead":                   {memberlist.StateDead, own.StateDead},
	"StateLeft":                   {memberlist.StateLeft, own.StateLeft},
	"StateSuspect":                {memberlist.StateSuspect, own.StateSuspect},
	"TransmitLimitedQueue":        {new(memberlist.TransmitLimitedQueue), new(own.TransmitLimitedQueue)},
	"Transport":                   {new(memberlist.Transport), new(own.Transport)},
	"UniqueBroadcast":             {new(memberlist.UniqueBroadcast), new(own.UniqueBroadcast)},
	"ValidateKey":                 {memberlist.ValidateKey, own.ValidateKey},
}

// Every exported name of the original is here: functions with the same parameters, types with the
// same fields and methods, constants with the same values.
func TestAPIIsTheOriginals(t *testing.T) {
	for _, name := range exported(t, "github.com/hashicorp/memberlist") {
		pair, ok := api[name]
		if !ok {
			t.Errorf("%s isn't in the table", name)
			continue
		}
		theirs, ours := describe(pair[0]), describe(pair[1])
		for _, line := range theirs {
			if !slices.Contains(ours, line) {
				t.Errorf("%s: ours lacks %q", name, line)
			}
		}
		for _, line := range ours {
			field := strings.Fields(line)
			if !slices.Contains(theirs, line) && !(name == "Config" && slices.Contains(ofAFork, field[1])) {
				t.Errorf("%s: theirs lacks %q", name, line)
			}
		}
	}
}

// describe lists a thing's type or value, and a type's exported fields and methods. Both packages
// have the same name, so the texts can be compared.
func describe(v any) (lines []string) {
	t := reflect.TypeOf(v)
	if t.Kind() != reflect.Pointer {
		if t.Kind() == reflect.Func {
			return []string{t.String()}
		}
		return []string{fmt.Sprintf("%s %#v", t, v)}
	}
	elem := t.Elem()
	lines = append(lines, elem.String()+" "+elem.Kind().String())
	if elem.Kind() == reflect.Interface {
		t = elem
	}
	for i := range t.NumMethod() {
		m := t.Method(i)
		lines = append(lines, "method "+m.Name+" "+m.Type.String())
	}
	if elem.Kind() == reflect.Struct {
		for i := range elem.NumField() {
			if f := elem.Field(i); f.IsExported() {
				lines = append(lines, "field "+f.Name+" "+f.Type.String())
			}
		}
	}
	return lines
}

// exported lists the names that a package exports.
func exported(t *testing.T, path string) (names []string) {
	const sources = `{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}`
	out, err := exec.Command("go", "list", "-f", sources, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(string(out)) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names = append(names, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names = append(names, s.Name.Name)
					case *ast.ValueSpec:
						for _, name := range s.Names {
							names = append(names, name.Name)
						}
					}
				}
			}
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
	if len(names) < 50 {
		t.Fatalf("found only %q", names)
	}
	return names
}
