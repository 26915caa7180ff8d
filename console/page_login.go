package console

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/refund"
)

// loginForm is what somebody types to sign in.
type loginForm struct {
	Email    string `form:"email"`
	Password string `form:"password,secret"`
	Next     string `form:"next"`
}

// login shows the form; who is signed in goes on.
func (p *page) login() error {
	next := localPath(p.URL.Query().Get("next"))
	session, ok, err := p.s.Admin.Session(p.Context(), p.token())
	if err != nil {
		return err
	}
	if ok && !session.NeedsCode {
		return p.redirect(next)
	}
	return p.render("login", loginForm{Next: next})
}

// signIn checks a password and begins a session with a new token.
func (p *page) signIn() error {
	var form loginForm
	if err := p.decode(&form); err != nil {
		return err
	}
	form.Next = localPath(form.Next)
	token, session, err := p.s.Admin.SignIn(p.Context(), admin.SignIn{
		Email: form.Email, Password: form.Password, Address: p.address(), Agent: p.UserAgent(), RequestID: p.requestID, Before: p.token(),
	})
	if err != nil {
		form.Password = ""
		return p.renderForm("login", form, err)
	}
	return p.begin(token, session, form)
}

// signInCode takes the code of the second factor.
func (p *page) signInCode() error {
	var form struct {
		Code string `form:"code,secret"`
		Next string `form:"next"`
	}
	if err := p.decode(&form); err != nil {
		return err
	}
	token, _, err := p.s.Admin.ConfirmSignIn(p.Context(), p.token(), form.Code, admin.SignIn{Address: p.address(), Agent: p.UserAgent(), RequestID: p.requestID})
	if refund.KindOf(err) == refund.KindUnauthenticated && err != nil {
		return p.renderForm("login", loginForm{Next: localPath(form.Next)}, err)
	}
	if err != nil {
		return p.renderForm("login_code", loginForm{Next: localPath(form.Next)}, err)
	}
	p.setCookie(p.sessionName(), token, 0)
	return p.redirect(localPath(form.Next))
}

// localPath is an address of the console to go to; anything else is its first page.
func localPath(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "" || parsed.Host != "" || !strings.HasPrefix(parsed.Path, "/console/") || strings.Contains(text, "\\") ||
		strings.HasPrefix(parsed.Path, "/console/login") {
		return "/console/"
	}
	return text
}

// signOut ends the session.
func (p *page) signOut() error {
	if err := p.s.Admin.SignOut(p.Context(), p.session); err != nil && refund.KindOf(err) != refund.KindNotFound {
		return err
	}
	p.setCookie(p.sessionName(), "", -1)
	p.w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(p.w, p.Request, "/console/login", http.StatusSeeOther)
	return nil
}
