package console

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// page is one request and what its handler needs. It is the request itself, too:
// p.PathValue("id"), p.Context().
type page struct {
	*http.Request
	w http.ResponseWriter
	c *Console
	// s are the console's services.
	s *Services
	// session and user are who is signed in; zero on public pages.
	session merchant.Session
	user    merchant.User
	// merchants are those of which the user has the page's scope, and merchant is the
	// one chosen by ?merchant=, zero for all of them.
	merchants []merchant.Merchant
	merchant  merchant.Merchant
	// language is en or zh; zone is the user's time zone; theme is light, dark or ""
	// for what the browser prefers.
	language  string
	zone      *time.Location
	theme     string
	requestID string
	// problem is what renderForm shows.
	problem *refund.Error
	// unread are the merchants of which rows could not be read, see each.
	unread []string
}

func (c *Console) newPage(w http.ResponseWriter, r *http.Request) *page {
	p := &page{Request: r, w: w, c: c, s: &c.s, zone: time.UTC, requestID: "iar_" + refund.NewID(c.s.Now())}
	w.Header().Set("Request-Id", p.requestID)
	p.readSettings()
	return p
}

// by is who acts here. act makes one with the form's key.
func (p *page) by() admin.By {
	return admin.By{Actor: audit.ByUser(p.user.Email), RequestID: p.requestID}
}

// text is a text of the catalogue in the user's language.
func (p *page) text(key string, args ...any) string { return p.c.texts.text(p.language, key, args...) }

// choose finds the merchants of which the user has the route's scope, and the one
// that is chosen.
func (p *page) choose(one route) error {
	all, err := p.s.Merchants.Merchants(p.Context())
	if err != nil {
		return err
	}
	may := func(m merchant.Merchant) bool {
		return one.scope == "" && p.user.Sees(m.ID) || p.user.May(m.ID, one.scope)
	}
	for _, m := range all {
		if may(m) {
			p.merchants = append(p.merchants, m)
		}
	}
	if id := p.URL.Query().Get("merchant"); id != "" {
		at := slices.IndexFunc(all, func(m merchant.Merchant) bool { return m.ID == id })
		switch {
		case at < 0 || !p.user.Sees(id):
			return refund.Errorf(refund.KindNotFound, "merchant", "there is no merchant %q", id)
		case !may(all[at]):
			return p.forbidden(one.scope)
		}
		p.merchant = all[at]
	}
	switch {
	case one.everywhere && !p.user.MayEverywhere(one.scope), one.scope != "" && !p.user.MaySomewhere(one.scope):
		return p.forbidden(one.scope)
	}
	return nil
}

// require refuses an action on a merchant's thing to a user without the scope:
// KindNotFound where the user does not see the merchant, else KindForbidden.
func (p *page) require(merchantID string, scope merchant.Scope) error {
	switch {
	case !p.user.Sees(merchantID):
		return refund.Errorf(refund.KindNotFound, "", "there is nothing at this address")
	case !p.user.May(merchantID, scope):
		return p.forbidden(scope)
	}
	return nil
}

func (p *page) forbidden(scope merchant.Scope) error {
	return refund.Errorf(refund.KindForbidden, "", "your roles lack %s", scope)
}

// each does something for each merchant of merchantIDs. Where there are several, one
// whose rows are damaged is left aside, and the page says so (template "unread").
func (p *page) each(do func(merchantID string) error) error {
	ids := p.merchantIDs()
	for _, id := range ids {
		err := do(id)
		if err == nil {
			continue
		}
		if len(ids) == 1 || refund.KindOf(err) != refund.KindCorrupt {
			return err
		}
		p.s.Log.Warn("rows of a merchant can't be read and are left out of a page (hint: refundry verify tells more)",
			"merchant_id", id, "path", p.URL.Path, "error", err, "request_id", p.requestID)
		p.unread = append(p.unread, id)
	}
	return nil
}

// merchantIDs are the ids of the merchant chosen, or of all that the page may show.
func (p *page) merchantIDs() []string {
	if p.merchant.ID != "" {
		return []string{p.merchant.ID}
	}
	ids := make([]string, len(p.merchants))
	for n, m := range p.merchants {
		ids[n] = m.ID
	}
	return ids
}

// merchantName is what a merchant is called, its id where the user does not see it.
func (p *page) merchantName(id string) string {
	for _, m := range p.merchants {
		if m.ID == id {
			return m.Name
		}
	}
	return id
}

// link is an address of the console with query parameters, pairs of names and
// values, of which empty ones are left out. The merchant chosen stays.
func (p *page) link(path string, pairs ...string) string {
	query := url.Values{}
	if p.merchant.ID != "" {
		query.Set("merchant", p.merchant.ID)
	}
	for n := 0; n+1 < len(pairs); n += 2 {
		query.Set(pairs[n], pairs[n+1])
		if pairs[n+1] == "" {
			query.Del(pairs[n])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// here is the address of this page with other query parameters.
func (p *page) here(pairs ...string) string {
	query := p.URL.Query()
	for n := 0; n+1 < len(pairs); n += 2 {
		query.Set(pairs[n], pairs[n+1])
		if pairs[n+1] == "" {
			query.Del(pairs[n])
		}
	}
	if len(query) == 0 {
		return p.URL.Path
	}
	return p.URL.Path + "?" + query.Encode()
}

// redirect sends the browser to another page by GET.
func (p *page) redirect(path string) error {
	if p.Header.Get("HX-Request") != "" {
		p.w.Header().Set("HX-Redirect", path)
		p.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(p.w, p.Request, path, http.StatusSeeOther)
	return nil
}

// maxFlash bounds a message that the next page shows, in bytes.
const maxFlash = 1500

// flash has the next page show a text of the catalogue, once.
func (p *page) flash(key string, args ...any) {
	text := p.text(key, args...)
	text = strings.ToValidUTF8(text[:min(len(text), maxFlash)], "")
	p.setCookie(flashCookie, base64.RawURLEncoding.EncodeToString([]byte(text)), 60)
}

// takeFlash is what the page before left to be shown.
func (p *page) takeFlash() string {
	cookie, err := p.Cookie(flashCookie)
	if err != nil || len(cookie.Value) > 2*maxFlash {
		return ""
	}
	p.setCookie(flashCookie, "", -1)
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(string(text), "")
}

// address is the caller's IP address.
func (p *page) address() string {
	host, _, err := net.SplitHostPort(p.RemoteAddr)
	if err != nil {
		return p.RemoteAddr
	}
	return host
}
