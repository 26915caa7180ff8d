package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// OIDC is a provider of OpenID Connect by which users sign in besides their
// passwords; the zero OIDC is none.
type OIDC struct {
	// Issuer is its address, ClientID and ClientSecret what it knows the console by.
	// A public client has no secret.
	Issuer, ClientID, ClientSecret string
	// BaseURL is the console's own address, such as https://pay.example; "" is the one
	// that the browser came to.
	BaseURL string
}

// providerTimeout bounds each call to the provider.
const providerTimeout = 10 * time.Second

// provider is the provider as it describes itself, read when it is first needed:
// one that is away must not keep the service from starting.
type provider struct {
	config OIDC
	client *http.Client
	log    *slog.Logger
	mu     sync.Mutex
	found  *oidc.Provider
	// asking is closed when the call has ended that reads the description; nil while
	// there is none.
	asking chan struct{}
}

func newProvider(config OIDC, log *slog.Logger) *provider {
	if config.Issuer == "" {
		return nil
	}
	return &provider{config: config, client: &http.Client{Timeout: providerTimeout}, log: log}
}

// with is a context in which calls go by the provider's client. They are not ended
// with the request: keys that are read are kept for others.
func (o *provider) with(ctx context.Context) context.Context {
	return oidc.ClientContext(context.WithoutCancel(ctx), o.client)
}

// get is the provider's description. One request reads it, within providerTimeout and
// as long as it lives itself; others wait for that one, none longer than it lives.
func (o *provider) get(ctx context.Context) (*oidc.Provider, error) {
	away := refund.Errorf(refund.KindBusy, "", "the provider does not answer; sign in with your password, or try again")
	o.mu.Lock()
	found, asking := o.found, o.asking
	if found == nil && asking == nil {
		o.asking = make(chan struct{})
	}
	o.mu.Unlock()
	switch {
	case found != nil:
		return found, nil
	case asking == nil:
		return o.discover(ctx, away)
	}
	select {
	case <-asking:
		if found := o.known(); found != nil {
			return found, nil
		}
	case <-ctx.Done():
	}
	return nil, away
}

func (o *provider) known() *oidc.Provider {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.found
}

// discover reads the description, and has those go on who wait for it.
func (o *provider) discover(ctx context.Context, away *refund.Error) (*oidc.Provider, error) {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, o.client), o.config.Issuer)
	o.mu.Lock()
	if err == nil {
		o.found = found
	}
	close(o.asking)
	o.asking = nil
	o.mu.Unlock()
	if err != nil {
		o.log.Warn("the OIDC provider's description could not be read", "issuer", o.config.Issuer, "error", err)
		return nil, away
	}
	return found, nil
}

func (o *provider) oauth(found *oidc.Provider, p *page) *oauth2.Config {
	base := strings.TrimSuffix(o.config.BaseURL, "/")
	if base == "" {
		base = map[bool]string{true: "https://", false: "http://"}[p.secure()] + p.Host
	}
	return &oauth2.Config{
		ClientID: o.config.ClientID, ClientSecret: o.config.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: base + "/console/login/oidc/callback", Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
}

// oidcCookie holds what the callback is compared with. It is of this browser alone,
// so that nobody signs somebody else in to an account of their own.
const (
	oidcCookie  = "refundry_oidc"
	oidcSeconds = 600
)

// signInByProvider sends the browser to the provider.
func (p *page) signInByProvider() error {
	o := p.c.provider
	if o == nil {
		return p.nowhere()
	}
	found, err := o.get(p.Context())
	if err != nil {
		return p.providerFailed(err)
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	kept := url.Values{"state": {state}, "nonce": {nonce}, "verifier": {verifier}, "next": {localPath(p.URL.Query().Get("next"))}}
	p.setCookie(oidcCookie, url.QueryEscape(kept.Encode()), oidcSeconds)
	to := o.oauth(found, p).AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))
	http.Redirect(p.w, p.Request, to, http.StatusSeeOther)
	return nil
}

// providerCallback takes the provider's answer, and begins a session of the user
// whose verified address it names.
func (p *page) providerCallback() error {
	o := p.c.provider
	if o == nil {
		return p.nowhere()
	}
	text, _ := url.QueryUnescape(p.cookie(oidcCookie))
	kept, _ := url.ParseQuery(text)
	p.setCookie(oidcCookie, "", -1)
	query := p.URL.Query()
	switch {
	case kept.Get("state") == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(kept.Get("state"))) != 1:
		return p.providerFailed(refund.Errorf(refund.KindUnauthenticated, "", "this sign-in was not begun in this browser, or too long ago; begin again"))
	case query.Get("error") != "":
		return p.providerFailed(refund.Errorf(refund.KindUnauthenticated, "", "the provider refused: %.100s", query.Get("error")))
	}
	email, err := o.verified(p, query.Get("code"), kept)
	if err != nil {
		return p.providerFailed(err)
	}
	token, session, err := p.s.Admin.SignInVerified(p.Context(), admin.SignIn{
		Email: email, Address: p.address(), Agent: p.UserAgent(), RequestID: p.requestID, Before: p.token(),
	})
	if err != nil {
		return p.providerFailed(err)
	}
	return p.begin(token, session, loginForm{Next: localPath(kept.Get("next"))})
}

// begin gives the browser a session's token, and leads on.
func (p *page) begin(token string, session merchant.Session, form loginForm) error {
	p.setCookie(p.sessionName(), token, 0)
	if session.NeedsCode {
		return p.render("login_code", form)
	}
	return p.redirect(form.Next)
}

// verified exchanges a code for an ID token, checks it, and returns the address
// that the provider has verified.
func (o *provider) verified(p *page, code string, kept url.Values) (string, error) {
	refused := func(err error) error {
		p.s.Log.Warn("an OIDC sign-in was refused", "request_id", p.requestID, "error", err)
		return refund.Errorf(refund.KindUnauthenticated, "", "the provider's answer was not accepted")
	}
	found, err := o.get(p.Context())
	if err != nil {
		return "", err
	}
	ctx := o.with(p.Context())
	config := o.oauth(found, p)
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(kept.Get("verifier")))
	if err != nil {
		return "", refused(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.Verifier(&oidc.Config{ClientID: o.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", refused(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(kept.Get("nonce"))) != 1 {
		return "", refused(fmt.Errorf("the ID token has another nonce"))
	}
	var claims struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err := id.Claims(&claims); err != nil {
		return "", refused(err)
	}
	if claims.Email == "" { // some providers say it only when asked
		info, err := found.UserInfo(ctx, config.TokenSource(ctx, token))
		if err != nil || info.Subject != id.Subject {
			return "", refused(fmt.Errorf("the user's address was not to be had: %w", err))
		}
		claims.Email, claims.Verified = info.Email, info.EmailVerified
	}
	if claims.Email == "" || !claims.Verified {
		return "", refund.Errorf(refund.KindUnauthenticated, "", "the provider has not verified your address")
	}
	return claims.Email, nil
}

// providerFailed shows the form of sign-in with what went wrong.
func (p *page) providerFailed(err error) error {
	return p.renderForm("login", loginForm{Next: "/console/"}, err)
}

// ByProvider reports whether users may sign in by a provider.
func (v *view) ByProvider() bool { return v.p.c.provider != nil }
