package agent

import (
	"math"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"serf/driver/memnet"
)

// extremes are unlikely values for fields of a kind; nil for kinds that aren't tried.
func extremes(kind reflect.Kind) (values []any) {
	switch kind {
	case reflect.String:
		for _, n := range []int{0, 1, 128, 255, 256, 512, 513, 70_000} {
			values = append(values, strings.Repeat("x", n))
		}
		return append(values, "\xff\x00\n")
	case reflect.Bool:
		return []any{false, true}
	case reflect.Int, reflect.Int64:
		return []any{0, 1, -1, 7, 64, 1000, math.MaxInt32, math.MinInt32, int64(time.Hour), int64(math.MaxInt64), int64(math.MinInt64)}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return []any{0, 1, 2, 6, 9, 255, uint64(1) << 61, uint64(1)<<61 + 1, uint64(math.MaxUint64)}
	}
	return nil
}

// set sets a field to a value, if the value fits.
func set(f reflect.Value, value any) bool {
	v := reflect.ValueOf(value)
	if back := v.Convert(f.Type()).Convert(v.Type()); !back.Equal(v) {
		return false
	}
	f.Set(v.Convert(f.Type()))
	return true
}

// eachField calls f for each field of a structure that has extremes, nested structures included.
func eachField(v reflect.Value, path string, f func(path string, field reflect.Value)) {
	for i := range v.NumField() {
		field, kind := v.Field(i), v.Type().Field(i)
		switch {
		case !kind.IsExported():
		case kind.Type.Kind() == reflect.Struct && kind.Type != reflect.TypeFor[netip.AddrPort]():
			eachField(field, path+kind.Name+".", f)
		case extremes(kind.Type.Kind()) != nil:
			f(path+kind.Name, field)
		}
	}
}

// Whatever a program puts into a Config, Start refuses it or the agent works with it: it joins,
// sends, and sees a member leave.
func TestNoValueOfConfigIsTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some 700 agents")
	}
	t.Parallel()
	fields, refused := 0, 0
	template := encrypted(memConfig(newMemNetwork(), "a", 1), "0123456789abcdef")
	eachField(reflect.ValueOf(&template).Elem(), "", func(path string, field reflect.Value) {
		fields++
		for _, value := range extremes(field.Kind()) {
			synctest.Test(t, func(t *testing.T) {
				n := newMemNetwork()
				c := encrypted(memConfig(n, "a", 1), "0123456789abcdef")
				given := false
				eachField(reflect.ValueOf(&c).Elem(), "", func(p string, f reflect.Value) { given = given || p == path && set(f, value) })
				if c.Record.Dir != "" {
					c.Record.Dir = filepath.Join(t.TempDir(), c.Record.Dir)
				}
				if given && !lives(t, n, c) {
					refused++
				}
			})
		}
	})
	if fields < 45 || refused < 100 {
		t.Errorf("%d fields tried, %d values refused: the test doesn't see the Config",
			fields, refused)
	}
}

// lives starts an agent and uses it. It returns false if the agent doesn't start.
func lives(t *testing.T, n *memnet.Network, c Config) bool {
	other := begin(t, encrypted(memConfig(n, "b", 2), "0123456789abcdef"))
	a, err := Start(background, c)
	if err != nil {
		return false
	}
	defer a.Close()
	a.Join(background, []string{other.Addr().String()}, true) // of another cluster, it may be
	a.UserEvent(background, "x", []byte("y"), false)
	a.InstallKey(background, newKey)
	time.Sleep(20 * time.Second)
	other.Close()
	time.Sleep(20 * time.Second)
	a.Stats()
	return true
}
