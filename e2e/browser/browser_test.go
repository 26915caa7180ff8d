// Package browser walks the operator pages and the documentation as a person does:
// in a real browser, by the real sign-in form, in both languages, in light and dark,
// and at the width of a phone. On each page it looks for what a person must see, for
// errors and violations of the content policy, for requests to other hosts, and for
// what axe-core says of accessibility.
package browser

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var (
	screenshots = flag.String("browser.screenshots", "", "folder for a picture of every page in each form")
	images      = flag.String("browser.images", "", "folder for the README's pictures")
)

const (
	// patience bounds a step in the browser; CI runs other packages beside it.
	patience = 3 * time.Minute
	// wide and phone are the widths of windows, in CSS pixels.
	wide, phone = 1280, 375
)

var languages = []string{"en", "zh"}

func TestMain(m *testing.M) {
	flag.Parse()
	status := m.Run()
	removeBinary()
	os.Exit(status)
}

// open starts the browser, and a tab that is watched.
func open(t *testing.T, w *world) *tab {
	t.Helper()
	binary, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("there is no Chromium (hint: make setup-chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.NoSandbox, chromedp.WindowSize(wide, 900))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx, world: w}
	b.watch()
	return b
}

// TestConsole walks all pages of the table, and then does what can be done on them.
func TestConsole(t *testing.T) {
	w := newWorld(t)
	b := open(t, w)
	for _, signedIn := range []bool{false, true} {
		if signedIn {
			b.signIn(w.demo.User, w.demo.Password)
		}
		for _, language := range languages {
			for _, p := range pages {
				if p.signedIn == signedIn {
					t.Run(language+"/"+p.name, func(t *testing.T) { b.in(t).visit(p, language) })
				}
			}
		}
	}
	b.form(wide, "light")
	for _, language := range languages {
		for _, a := range actions {
			t.Run(language+"/"+a.name, func(t *testing.T) {
				b := b.in(t)
				a.do(b, language)
				b.quiet()
			})
		}
	}
}

// visit looks at a page in the form that belongs to a language: axe sees each page in
// dark on a wide screen in English, and in light at the width of a phone in Chinese.
func (b *tab) visit(p page, language string) {
	b.t.Helper()
	b.form(wide, "light")
	b.navigate(p.address(b.world, language))
	b.expect(p, language)
	if *images != "" && language == "en" && p.image != "" {
		b.picture(*images, p.image, false)
	}
	b.shoot(p.name, language, "wide-light")
	switch language {
	case "en":
		b.form(wide, "dark")
		b.accessible()
		b.shoot(p.name, language, "wide-dark")
	case "zh":
		b.form(phone, "light")
		b.fits()
		b.accessible()
		b.shoot(p.name, language, "phone-light")
		if *screenshots != "" {
			b.form(phone, "dark")
			b.shoot(p.name, language, "phone-dark")
		}
	}
	b.quiet()
}
