package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a test waits for what the page should show at once.
const patience = 20 * time.Second

// chromium is the browser that all tests share, each with a tab of its own; nil if there is none.
var chromium context.Context

func TestMain(m *testing.M) {
	os.Exit(func() int {
		path, err := exec.LookPath("chromium")
		if err != nil {
			return m.Run() // each test says that it is missing
		}
		allocator, end := chromedp.NewExecAllocator(context.Background(), append(slices.Clone(
			chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox)...)
		defer end()
		ctx, cancel := chromedp.NewContext(allocator)
		defer cancel()
		if err := chromedp.Do(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "chromium:", err)
			return 1
		}
		chromium = ctx
		return m.Run()
	}())
}

// tab is a tab of the browser with one page.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string // of the console
}

// openTab opens a page of a width in pixels. At the end of the test its console must have no
// errors, but for those that contain an expected text.
func openTab(t *testing.T, url string, width int64, expected ...string) *tab {
	t.Helper()
	b := blankTab(t, width, expected...)
	b.do(chromedp.Navigate(url))
	return b
}

// blankTab opens a tab without a page.
func blankTab(t *testing.T, width int64, expected ...string) *tab {
	t.Helper()
	if chromium == nil {
		if os.Getenv("CI") != "" {
			t.Fatal("there is no chromium, which CI installs")
		}
		t.Skip("there is no chromium")
	}
	b := &tab{t: t}
	ctx, end := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(end)
	b.ctx = ctx
	t.Cleanup(func() { b.wantNoErrors(expected) })
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cdplog.Enable, cdp.Empty{})
		return err
	}), chromedp.EmulateViewport(width, 1400))
	return b
}

// listen collects what goes wrong in the page.
func (b *tab) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text = fmt.Sprintf("console: %+v", e.Args)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			text = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if text != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errors = append(b.errors, text)
	}
}

func (b *tab) wantNoErrors(expected []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.errors {
		if !slices.ContainsFunc(expected, func(part string) bool { return strings.Contains(e, part) }) {
			b.t.Errorf("in the console: %s", e)
		}
	}
}

// do carries out steps in the tab.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if b.ctx.Err() == nil && chromedp.FromContext(b.ctx).Target == nil {
		ctx = b.ctx // the first call makes the tab, which ends with its context
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// value evaluates an expression of JavaScript, and waits for it if it is a promise.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// run evaluates an expression for what it does.
func (b *tab) run(expression string) {
	b.t.Helper()
	value[chromedp.Void](b, expression)
}

// until waits until an expression of JavaScript is true. Chromedp's own polling makes code of a
// text, which the page's policy forbids.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	if !value[bool](b, fmt.Sprintf(`new Promise((resolve) => {
		const end = performance.now() + %d;
		(function look() {
			const yes = Boolean(%s);
			if (yes || performance.now() > end) resolve(yes); else setTimeout(look, 10);
		})();
	})`, patience.Milliseconds(), expression)) {
		b.t.Fatalf("not so after %v: %s (%s); the page says:\n%s", patience, what, expression,
			value[string](b, "document.body.innerText"))
	}
}

// untilText waits until an element has a text.
func (b *tab) untilText(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s has %q", selector, text),
		fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, text))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// worked is how long the page's scripts, styles and layout have taken so far.
func (b *tab) worked() (d time.Duration) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, performance.Enable, performance.EnableParams{})
		if err != nil {
			return err
		}
		r, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		for _, m := range r.Metrics {
			switch m.Name {
			case "ScriptDuration", "LayoutDuration", "RecalcStyleDuration":
				d += time.Duration(m.Value * float64(time.Second))
			}
		}
		return err
	}))
	return d
}

// dark makes the reader one who prefers a dark page.
func (b *tab) dark() {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	}))
}

// picture writes a picture of the whole page into the folder that SERF_PICTURES names, if it is
// set.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("SERF_PICTURES")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
