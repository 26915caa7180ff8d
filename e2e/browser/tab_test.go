package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	capture "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is the browser's only one.
type tab struct {
	t     *testing.T
	ctx   context.Context
	world *world
	*problems
}

// problems are what the browser complained of since the last look.
type problems struct {
	mu    sync.Mutex
	found []string
}

func (p *problems) add(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = append(p.found, fmt.Sprintf(format, args...))
}

// in is the tab for a subtest.
func (b *tab) in(t *testing.T) *tab {
	return &tab{t: t, ctx: b.ctx, world: b.world, problems: b.problems}
}

// run does one step in the browser, and returns what it results in.
func run[T any](b *tab, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return result
}

// call is a command of the browser's protocol as a step.
func call[P, R any](command cdp.Command[P, R], parameters P) chromedp.Action[R] {
	return func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, parameters) }
}

// watch notes errors of scripts, what the log says of the content policy and of
// files that were not found, and requests to other hosts. It starts the browser.
func (b *tab) watch() {
	b.t.Helper()
	b.problems = &problems{}
	err := chromedp.Listen(b.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				var texts []string
				for _, argument := range e.Args {
					texts = append(texts, string(argument.Value)+argument.Description)
				}
				b.add("the console says: %s", strings.Join(texts, " "))
			}
		case *runtime.EventExceptionThrown:
			b.add("a script failed: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.URL)
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				b.add("the log says: %s %s", e.Entry.Text, e.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			if address := e.Request.URL; !strings.HasPrefix(address, b.world.url+"/") && !strings.HasPrefix(address, "data:") && address != "about:blank" {
				b.add("a request to another host: %s", address)
			}
		}
	})
	if err != nil {
		b.t.Fatalf("start the browser: %v", err)
	}
	run(b, "switch the log on", call(log.Enable, cdp.Empty{}))
	run(b, "switch the network's events on", call(network.Enable, network.EnableParams{}))
}

// quiet fails on what the browser complained of. A page that is missing on purpose
// is no complaint.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, problem := range b.found {
		if !strings.Contains(problem, "/nowhere") {
			b.t.Error(problem)
		}
	}
	b.found = nil
}

// navigate goes to an address and waits until it is loaded.
func (b *tab) navigate(address string) {
	b.t.Helper()
	run(b, "go to "+address, chromedp.Navigate(address))
}

// form sets the window's width and what the browser says of colours.
func (b *tab) form(width int64, scheme string) {
	b.t.Helper()
	height := int64(900)
	if width == phone {
		height = 812
	}
	run(b, "set the window", call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width == phone}))
	run(b, "set the colours", call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"}, // so that colours are there at once
	}}))
}

// text is what an expression of JavaScript results in.
func (b *tab) text(expression string) string {
	b.t.Helper()
	return run(b, "evaluate "+expression, chromedp.Evaluate[string](expression))
}

// signIn fills in the form, found by its labels as a person finds it.
func (b *tab) signIn(email, password string) {
	b.t.Helper()
	b.navigate(b.world.url + "/console/login?lang=en")
	run(b, "sign in", chromedp.Steps(
		chromedp.SendKeys(chromedp.CSS(`input[name="email"]`), email),
		chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), password),
		chromedp.Submit(chromedp.CSS(`input[name="password"]`)),
		chromedp.WaitVisible(chromedp.CSS(`form[action="/console/logout"]`))))
	b.quiet()
}

// expect checks the language, the headings, the labels and the texts.
func (b *tab) expect(p page, language string) {
	b.t.Helper()
	if got := b.text(`document.documentElement.lang`); !strings.HasPrefix(got, language) {
		b.t.Errorf("the page's language is %q", got)
	}
	seen := b.text(`document.title + "\n" + document.body.innerText`)
	for _, want := range p.sees[language] {
		if !strings.Contains(seen, want) {
			b.t.Errorf("nobody can see %q on the page:\n%.600s", want, seen)
		}
	}
	if strings.Contains(seen, "ZgotmplZ") || strings.Contains(seen, "<no value>") || strings.Contains(seen, "%!") {
		b.t.Errorf("a template went wrong:\n%s", seen)
	}
}

// fits fails on a page that is wider than a phone. The window's own width says
// nothing: a phone zooms out until everything is in it.
func (b *tab) fits() {
	b.t.Helper()
	if wider := b.text(`String(Math.max(0, document.documentElement.scrollWidth - ` + strconv.Itoa(phone) + `))`); wider != "0" {
		b.t.Errorf("the page is %s px wider than a phone: %s", wider, b.text(`
			[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > `+strconv.Itoa(phone+1)+` && !e.closest(".scroll, .menu, pre"))
				.slice(0, 5).map(e => e.tagName + "." + e.className).join(", ")`))
	}
}

// violation is what axe says of a page.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// accessible runs axe-core on the page. It is put there by the browser's protocol,
// so that no policy is relaxed for it.
func (b *tab) accessible() {
	b.t.Helper()
	run(b, "load axe", chromedp.Evaluate[chromedp.Void](b.world.axe+";undefined"))
	answer := run(b, "run axe", chromedp.Evaluate[string](`
		axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify(r.violations.map((v) => ({
			ID: v.id, Impact: v.impact, Help: v.help,
			Nodes: v.nodes.slice(0, 3).map((n) => ({HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary}))}))))`, chromedp.EvalAwaitPromise))
	var found []violation
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found {
		for _, node := range v.Nodes {
			b.t.Errorf("axe: %s (%s): %s\n%s\n%s", v.ID, v.Impact, v.Help, node.HTML, node.FailureSummary)
		}
	}
}

// shoot keeps a picture of the whole page, where -browser.screenshots says so.
func (b *tab) shoot(names ...string) {
	b.t.Helper()
	if *screenshots != "" {
		b.picture(*screenshots, strings.Join(names, "-"), true)
	}
}

// maxPicture bounds a picture's height, in pixels: a contract's page has hundreds of
// thousands.
const maxPicture = 2400

// picture keeps what the window shows, or the page down to maxPicture.
func (b *tab) picture(folder, name string, whole bool) {
	b.t.Helper()
	var shot capture.CaptureScreenshotParams
	if whole {
		size := run(b, "measure the page", chromedp.Evaluate[[]float64](`[window.innerWidth, document.documentElement.scrollHeight]`))
		beyond := true
		shot.CaptureBeyondViewport = &beyond
		shot.Clip = &capture.Viewport{Width: size[0], Height: min(size[1], maxPicture), Scale: 1}
	}
	text := run(b, "take a picture", call(capture.CaptureScreenshot, shot)).Data
	if err := os.MkdirAll(folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), text, 0o644); err != nil { //nolint:gosec // for everybody to look at
		b.t.Fatal(err)
	}
}
