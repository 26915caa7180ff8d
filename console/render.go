package console

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"math/big"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

//go:embed template
var templateFiles embed.FS

// templates are the pages by language and name. Each is parsed when it is first
// shown: a page with its copy of the layout takes some 0.2 MB, and most services
// show few of them, in one language.
type templates map[string]map[string]func() *template.Template

// findTemplates lists the pages in each language.
func (c *Console) findTemplates() templates {
	names, err := fs.Glob(templateFiles, "template/*.html")
	if err != nil {
		panic(err)
	}
	found := templates{}
	for _, language := range languages {
		layout := sync.OnceValue(func() *template.Template {
			return template.Must(template.New("").Funcs(c.functions(language)).ParseFS(templateFiles, "template/layout/*.html"))
		})
		found[language] = map[string]func() *template.Template{}
		for _, name := range names {
			found[language][strings.TrimSuffix(path.Base(name), ".html")] = sync.OnceValue(func() *template.Template {
				return template.Must(template.Must(layout().Clone()).ParseFS(templateFiles, name))
			})
		}
	}
	return found
}

// functions are what templates may call besides the methods of view.
func (c *Console) functions(language string) template.FuncMap {
	return template.FuncMap{
		"t":     func(key string, args ...any) string { return c.texts.text(language, key, args...) },
		"money": moneyText,
		"sum": func(sum *big.Int, currency any) string {
			return money.SumString(sum, money.Currency(fmt.Sprint(currency)))
		},
		"asset": c.assets.address,
		"files": fileAddress,
		// The colour of a refund's state.
		"stateClass": func(s refund.State) string { return stateClasses[s] },
	}
}

// stateClasses are the colours of refunds' states.
var stateClasses = map[refund.State]string{
	refund.Held: "warn", refund.Created: "info", refund.Pending: "info", refund.Abnormal: "bad", refund.Succeeded: "good", refund.Failed: "bad", refund.Canceled: "",
}

// fileAddress is the address of a page as a file, such as /console/audit.csv?....
func fileAddress(ending, address string) string {
	path, query, has := strings.Cut(address, "?")
	if has {
		return path + ending + "?" + query
	}
	return path + ending
}

// moneyText is an amount in minor units with its currency's decimals, its whole
// part in groups of three: 1,234.50 CNY.
func moneyText(minor any, currency any) string {
	var m money.Minor
	switch minor := minor.(type) {
	case money.Minor:
		m = minor
	case *money.Minor:
		m = *minor
	case int64:
		m = money.Minor(minor)
	case int:
		m = money.Minor(minor)
	default:
		panic(fmt.Sprintf("%T is no amount", minor))
	}
	text := money.Amount{Minor: m, Currency: money.Currency(fmt.Sprint(currency))}.String()
	digits := strings.TrimLeft(text, "-")
	whole := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if whole < 0 {
		return text
	}
	grouped := ""
	for whole > 3 {
		grouped = "," + digits[whole-3:whole] + grouped
		digits = digits[:whole-3] + digits[whole:]
		whole -= 3
	}
	return text[:len(text)-len(strings.TrimLeft(text, "-"))] + digits[:whole] + grouped + digits[whole:]
}

// sumText is moneyText for a sum, which may need more than 64 bits.
func sumText(sum *big.Int, currency money.Currency) string {
	if sum.IsInt64() {
		return moneyText(sum.Int64(), currency)
	}
	return money.FormatSum(sum, currency) + " " + string(currency)
}

// view is what templates see: .Data is the page's own, and the methods are the
// request's. Inside range and with, they are those of $.
type view struct {
	Data any
	p    *page
}

// render shows a page: template/NAME.html with data as .Data.
func (p *page) render(name string, data any) error {
	return p.write(name, "layout", http.StatusOK, data)
}

// renderForm shows a page again after its form was refused, with the error above
// and at the field that it names. Another error is returned for the error page.
func (p *page) renderForm(name string, data any, err error) error {
	fault, status := p.fault(err)
	if status >= http.StatusInternalServerError || status == http.StatusNotFound {
		return err
	}
	p.problem = fault
	return p.write(name, "layout", status, data)
}

// renderBlock shows one block of a page alone, for htmx.
func (p *page) renderBlock(name, block string, data any) error {
	return p.write(name, block, http.StatusOK, data)
}

// write executes a template into memory first, so that one that fails shows
// nothing of itself.
func (p *page) write(name, block string, status int, data any) error {
	var out bytes.Buffer
	one := p.c.templates[p.language][name]
	if one == nil {
		return refund.Errorf(refund.KindInternal, "", "there is no template %q", name)
	}
	if err := one().ExecuteTemplate(&out, block, &view{Data: data, p: p}); err != nil {
		if name == "failure" {
			http.Error(p.w, "internal error", http.StatusInternalServerError)
		}
		return fmt.Errorf("render %s: %w", name, err)
	}
	p.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.w.WriteHeader(status)
	_, _ = p.w.Write(out.Bytes())
	return nil
}

// Language is en or zh.
func (v *view) Language() string { return v.p.language }

// HTMLLanguage is the language as <html lang> has it.
func (v *view) HTMLLanguage() string {
	if v.p.language == "zh" {
		return "zh-CN"
	}
	return v.p.language
}

// Theme is light, dark or "".
func (v *view) Theme() string { return v.p.theme }

// Zone names the user's time zone.
func (v *view) Zone() string { return v.p.zone.String() }

// SignedIn reports whether somebody is.
func (v *view) SignedIn() bool { return v.p.user.ID != "" }

// User is who is signed in.
func (v *view) User() merchant.User { return v.p.user }

// Merchants are those that the page may show, and Merchant is the one chosen.
func (v *view) Merchants() []merchant.Merchant { return v.p.merchants }

// Merchant is the one chosen, zero for all.
func (v *view) Merchant() merchant.Merchant { return v.p.merchant }

// Unread are the merchants of which rows could not be read.
func (v *view) Unread() []string { return v.p.unread }

// MerchantName is what a merchant is called.
func (v *view) MerchantName(id string) string { return v.p.merchantName(id) }

// May reports whether the user has a scope of a merchant, "" for all merchants.
func (v *view) May(merchantID, scope string) bool {
	return v.p.user.May(merchantID, merchant.Scope(scope))
}

// Path is this page's path, RequestID the id to quote.
func (v *view) Path() string { return v.p.URL.Path }

// RequestID is the request's, which people quote.
func (v *view) RequestID() string { return v.p.requestID }

// Link is an address with parameters, as page.link makes it.
func (v *view) Link(path string, pairs ...string) string { return v.p.link(path, pairs...) }

// Here is this address with other parameters.
func (v *view) Here(pairs ...string) string {
	if v.p.Method != http.MethodGet {
		return v.p.URL.Path // what was asked for by POST is not asked for again
	}
	return v.p.here(pairs...)
}

// Query is a parameter of this address.
func (v *view) Query(name string) string { return v.p.URL.Query().Get(name) }

// Flash is what the page before left to be shown, once.
func (v *view) Flash() string { return v.p.takeFlash() }

// Once is a new key for a form's hidden field, so that its second click is harmless.
func (v *view) Once() string { return rand.Text() }

// Time is a moment in the user's time zone, to the second; – for none.
func (v *view) Time(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.RFC3339), t.In(v.p.zone).Format("2006-01-02 15:04:05"))) //nolint:gosec // both are digits
}

// Day is a moment's date in the user's time zone.
func (v *view) Day(t time.Time) string { return t.In(v.p.zone).Format(time.DateOnly) }

// Problem is what was refused, "" for nothing: the kind in the user's language,
// and what the core says of it.
func (v *view) Problem() string {
	if v.p.problem == nil {
		return ""
	}
	text := v.p.text("error." + string(v.p.problem.Kind))
	// What is at fault has a text of its own where that helps; see catalogue/refused.toml.
	if key := "refused." + string(v.p.problem.Kind) + "_" + v.p.problem.Param; v.p.c.texts.has(key) {
		text = v.p.text(key)
	}
	if v.p.problem.Kind == refund.KindInternal {
		return text
	}
	return v.p.text("error.detail", text, v.p.problem.Told())
}

// Invalid are the attributes of a form's field: those of the one at fault.
func (v *view) Invalid(name string) template.HTMLAttr {
	if v.p.problem == nil || v.p.problem.Param != name {
		return ""
	}
	return `aria-invalid="true" aria-describedby="problem"`
}

// Menu are the links of the navigation that the user may follow.
func (v *view) Menu() []menuLink { return v.links(menu) }

// SettingsMenu are the tabs of the settings' pages.
func (v *view) SettingsMenu() []menuLink { return v.links(settingsMenu) }

func (v *view) links(entries []menuEntry) []menuLink {
	var links []menuLink
	for _, one := range entries {
		if v.p.user.MaySomewhere(one.scope) {
			current := v.p.URL.Path == one.path || one.under != "" && strings.HasPrefix(v.p.URL.Path, one.under)
			links = append(links, menuLink{v.p.text(one.key), v.p.link(one.path), v.badge(one), current})
		}
	}
	return links
}

type menuLink struct {
	Text, Address, Count string
	Current              bool
}

// badge is how much waits behind a link of the menu, "" for nothing. It is left out
// where it would take a look at many merchants, and on a page about an error.
func (v *view) badge(one menuEntry) string {
	if one.key != "menu.queues" || v.p.problem != nil || len(v.p.merchantIDs()) > maxBadgeMerchants {
		return ""
	}
	counts, err := v.p.queueCounts()
	if err != nil {
		return ""
	}
	sum := int64(0)
	for _, n := range counts {
		sum += n
	}
	return countText(min(sum, refund.MaxQueueCount))
}

// maxBadgeMerchants bounds the merchants that each page counts for the menu.
const maxBadgeMerchants = 5

// Pager leads to the next page of a list, and to its first one.
func (v *view) Pager(next string) pager {
	one := pager{}
	if next != "" {
		one.Next = v.p.here("cursor", next)
	}
	if v.Query("cursor") != "" {
		one.First = v.p.here("cursor", "")
	}
	return one
}

type pager struct{ First, Next string }
