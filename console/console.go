package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/telemetry"
)

// Services are what the pages stand on. A page that needs a reader adds it here
// as an interface of its own, and service/console.go hands it in.
type Services struct {
	Admin     *admin.Admin
	Merchants Merchants
	Writes    Writes
	Refunds   Refunds
	Queues    Queues
	Overviews Overviews
	Alerts    Alerts
	// RefundLists is for the list of refunds.
	RefundLists RefundLists
	Audit       audit.Reader
	Settings    Settings
	// Dialects are what the dialects say of themselves.
	Dialects merchant.Dialects
	Charges  Charges
	Acceptor Acceptor
	// Rules are those that bind a merchant's refunds, for quotes.
	Rules func(merchantID string) (refund.RuleBook, error)
	// OIDC is the provider by which users may sign in, too.
	OIDC OIDC
	// BulkResult writes what became of each line of a file of refunds as CSV; onPage is
	// called before each part.
	BulkResult func(ctx context.Context, to io.Writer, key bulk.Key, onPage func() error) error
	// PublicHTTPS says that callers come by TLS, whatever stands before the service.
	PublicHTTPS bool
	Now         func() time.Time // default time.Now
	Log         *slog.Logger     // default slog.Default()
}

// Merchants lists the merchants.
type Merchants interface {
	Merchants(ctx context.Context) ([]merchant.Merchant, error)
}

// Writes finds what a form with a key has done already.
type Writes interface {
	// KeptWrite returns what a key stands for; ok is false for a key that is free.
	KeptWrite(ctx context.Context, merchantID, key string) (w refund.Write, ok bool, err error)
	// KeepWrite records a write in a commit of its own.
	KeepWrite(ctx context.Context, w *refund.Write) error
}

// Console is the operator pages.
type Console struct {
	s         Services
	texts     catalogue
	assets    assets
	templates templates
	provider  *provider // nil: none
	handler   http.Handler
}

// New makes the console. It panics where an embedded file is broken, or later where a
// template is, which tests find.
func New(s Services) *Console {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	c := &Console{s: s, texts: loadCatalogue(), assets: loadAssets(), provider: newProvider(s.OIDC, s.Log)}
	c.templates = c.findTemplates()
	mux := http.NewServeMux()
	handle := func(pattern string, serve http.HandlerFunc) { mux.HandleFunc(pattern, noted(pattern, serve)) }
	handle("GET "+assetPath+"{name}", c.assets.serve)
	mux.HandleFunc("/console/", c.public((*page).nowhere))
	for _, one := range publicRoutes {
		handle(one.pattern, c.public(one.handle))
	}
	for _, one := range allRoutes() {
		handle(one.pattern, c.private(one))
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(c.public(func(*page) error {
		return refund.Errorf(refund.KindForbidden, "", "the form came from another site")
	}))
	c.handler = secured(protection.Handler(mux))
	return c
}

// noted notes the route of a request for metrics and traces: outside, it is known as
// /console/ alone.
func noted(pattern string, next http.HandlerFunc) http.HandlerFunc {
	route := strings.TrimSuffix(pattern[strings.IndexByte(pattern, ' ')+1:], "{$}")
	return func(w http.ResponseWriter, r *http.Request) {
		telemetry.NoteRoute(r.Context(), route)
		next(w, r)
	}
}

// ServeHTTP answers every address below /console/.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// contentPolicy lets pages load what comes from here, and nothing else: no inline
// script or style, no frame, no form to elsewhere.
const contentPolicy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// maxForm bounds a form's body, in bytes; a page that takes files has a bound of
// its own.
const maxForm = 1 << 20

// public answers a page that needs nobody signed in.
func (c *Console) public(handle func(*page) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := c.newPage(w, r)
		p.run(route{handle: handle})
	}
}

// private answers a page for a user who has its scope.
func (c *Console) private(one route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := c.newPage(w, r)
		session, ok, err := c.s.Admin.Session(r.Context(), p.token())
		switch {
		case err != nil:
			p.fail(err)
			return
		case !ok || session.NeedsCode:
			p.askToSignIn()
			return
		}
		p.session, p.user = session, session.User
		p.useSettings()
		if err := p.choose(one); err != nil {
			p.fail(err)
			return
		}
		p.run(one)
	}
}

// run calls a page's handler, and shows its error.
func (p *page) run(one route) {
	most := int64(maxForm)
	if one.maxBody > 0 {
		most = one.maxBody
	}
	p.Body = http.MaxBytesReader(p.w, p.Body, most)
	if err := p.checkQuery(); err != nil {
		p.fail(err)
		return
	}
	if err := one.handle(p); err != nil {
		p.fail(err)
	}
}
