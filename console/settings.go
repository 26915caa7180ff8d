package console

import (
	"net/http"
	"strings"
	"time"
)

// The cookies. The session's has a name by which browsers hold it to this host,
// where it came by TLS.
const (
	sessionCookie  = "refundry_session"
	flashCookie    = "refundry_flash"
	languageCookie = "refundry_language"
	themeCookie    = "refundry_theme"
	zoneCookie     = "refundry_zone" // set by console.js
)

// languages are those of the catalogue; the first is the default.
var languages = []string{"en", "zh"}

// yearSeconds is how long a browser keeps what somebody chose.
const yearSeconds = 365 * 24 * 3600

// readSettings finds out the language, the theme and the time zone: what the
// address says, which is kept, then what was kept, then what the browser asks for.
func (p *page) readSettings() {
	p.language = p.browserLanguage()
	if kept := p.cookie(languageCookie); known(kept) {
		p.language = kept
	}
	if asked := p.URL.Query().Get("lang"); known(asked) {
		p.language = asked
		p.setCookie(languageCookie, asked, yearSeconds)
	}
	if kept := p.cookie(themeCookie); kept == "light" || kept == "dark" {
		p.theme = kept
	}
	switch asked := p.URL.Query().Get("theme"); asked {
	case "light", "dark":
		p.theme = asked
		p.setCookie(themeCookie, asked, yearSeconds)
	case "auto":
		p.theme = ""
		p.setCookie(themeCookie, "", -1)
	}
	p.useZone(p.cookie(zoneCookie))
}

// useSettings takes what the user has chosen for themselves.
func (p *page) useSettings() {
	if known(p.user.Language) && p.cookie(languageCookie) == "" && p.URL.Query().Get("lang") == "" {
		p.language = p.user.Language
	}
	if p.user.TimeZone != "" {
		p.useZone(p.user.TimeZone)
	}
}

func (p *page) useZone(name string) {
	if name == "" || name == "Local" || len(name) > 64 {
		return
	}
	if zone, err := time.LoadLocation(name); err == nil {
		p.zone = zone
	}
}

func known(language string) bool { return language == "en" || language == "zh" }

// browserLanguage is the first language that the browser asks for and we have.
func (p *page) browserLanguage() string {
	for one := range strings.SplitSeq(p.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(one), ";")
		if primary, _, _ := strings.Cut(strings.ToLower(tag), "-"); known(primary) {
			return primary
		}
	}
	return languages[0]
}

func (p *page) cookie(name string) string {
	cookie, err := p.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// secure reports whether the browser came by TLS.
func (p *page) secure() bool { return p.TLS != nil || p.s.PublicHTTPS }

// sessionName is the name of the session's cookie.
func (p *page) sessionName() string {
	if p.secure() {
		return "__Host-" + sessionCookie
	}
	return sessionCookie
}

// token is the session's token, "" for none.
func (p *page) token() string { return p.cookie(p.sessionName()) }

// setCookie sets a cookie for so many seconds, 0 for until the browser closes;
// below 0 removes it.
func (p *page) setCookie(name, value string, seconds int) {
	path := "/console/"
	if strings.HasPrefix(name, "__Host-") {
		path = "/" // which the prefix demands
	}
	http.SetCookie(p.w, &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: seconds, HttpOnly: true, Secure: p.secure(), SameSite: http.SameSiteLaxMode,
	})
}
