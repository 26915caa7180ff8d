package console

import (
	"html/template"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

type profileData struct {
	Form     profileForm
	Sessions []merchant.Session
	Zones    []string
	// Key and Address are of a second factor that is being set up; Codes are shown
	// once when it is on.
	Key     string
	Address template.URL
	// QR is Address as a picture.
	QR    template.HTML
	Codes []string
}

type profileForm struct {
	Name     string `form:"name"`
	Language string `form:"language"`
	Zone     string `form:"time_zone"`
}

// zones are those that the form offers besides any other name.
var zones = []string{
	"Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Dubai", "Asia/Riyadh", "Asia/Kuwait",
	"Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "UTC",
}

// profile is the user's own page.
func (p *page) profile() error {
	data, err := p.profileData()
	if err != nil {
		return err
	}
	return p.render("profile", data)
}

func (p *page) profileData() (profileData, error) {
	sessions, err := p.s.Admin.Sessions(p.Context(), p.user.ID)
	return profileData{Form: profileForm{p.user.Name, p.user.Language, p.user.TimeZone}, Sessions: sessions, Zones: zones}, err
}

// profileAct does an action of the user's own page, and shows it again.
func (p *page) profileAct(form any, key string, do func(admin.By) error) error {
	data, err := p.profileData()
	if err == nil {
		err = p.decode(form)
	}
	if err != nil {
		return err
	}
	if _, err := p.act("", do); err != nil {
		return p.renderForm("profile", data, err)
	}
	p.flash(key)
	return p.redirect("/console/profile")
}

func (p *page) saveProfile() error {
	var form profileForm
	return p.profileAct(&form, "profile.saved", func(by admin.By) error {
		_, err := p.s.Admin.ChangeProfile(p.Context(), by, p.user.ID, admin.Profile{Name: form.Name, Language: form.Language, TimeZone: form.Zone})
		if err == nil && known(form.Language) {
			p.language = form.Language
			p.setCookie(languageCookie, form.Language, yearSeconds)
		}
		return err
	})
}

func (p *page) savePassword() error {
	var form struct {
		Before string `form:"before,secret"`
		After  string `form:"password,secret"`
		Again  string `form:"again,secret"`
	}
	return p.profileAct(&form, "profile.password_saved", func(by admin.By) error {
		if form.After != form.Again {
			return refund.Errorf(refund.KindInvalid, "again", "the two new passwords differ")
		}
		return p.s.Admin.ChangePassword(p.Context(), by, p.user.ID, form.Before, form.After, p.session.ID)
	})
}

// endOwnSessions ends one of the user's sessions, or all but this one.
func (p *page) endOwnSessions() error {
	var form struct {
		Session string `form:"session"`
	}
	return p.profileAct(&form, "profile.sessions_ended", func(by admin.By) error {
		_, err := p.s.Admin.EndSessions(p.Context(), by, p.user.ID, admin.UserBounds{}, form.Session, p.session.ID)
		return err
	})
}

// offerTOTP shows a key for an app that makes codes.
func (p *page) offerTOTP() error {
	data, err := p.profileData()
	if err != nil {
		return err
	}
	offer, err := p.s.Admin.OfferTOTP(p.Context(), p.by(), p.user.ID)
	if err != nil {
		return p.renderForm("profile", data, err)
	}
	data.Key, data.Address = offer.Key, template.URL(offer.Address) //nolint:gosec // we made it
	if data.QR, err = qrPicture(offer.Address, p.text("profile.totp_qr")); err != nil {
		p.s.Log.Warn("no QR code for a second factor could be drawn; its key is shown", "error", err) // such as of a very long address
	}
	return p.render("profile", data)
}

// confirmTOTP has the second factor count, and shows the recovery codes once.
func (p *page) confirmTOTP() error {
	var form struct {
		Code string `form:"code,secret"`
		Key  string `form:"key,secret"`
	}
	data, err := p.profileData()
	if err == nil {
		err = p.decode(&form)
	}
	if err != nil {
		return err
	}
	write, err := p.act("", func(by admin.By) error {
		data.Codes, err = p.s.Admin.ConfirmTOTP(p.Context(), by, p.user.ID, strings.Join(strings.Fields(form.Code), ""), p.session.ID)
		return err
	})
	if err != nil {
		return p.renderForm("profile", data, err)
	}
	if write.Secret != "" {
		data.Codes = strings.Fields(write.Secret)
	}
	p.user.TOTP = true
	return p.render("profile", data)
}

func (p *page) dropTOTP() error {
	var form struct {
		Code string `form:"code,secret"`
	}
	return p.profileAct(&form, "profile.totp_dropped", func(by admin.By) error {
		return p.s.Admin.DropTOTP(p.Context(), by, p.user.ID, form.Code)
	})
}

// OwnSession reports whether a session is this one.
func (v *view) OwnSession(id string) bool { return v.p.session.ID == id }

// Now is the time in the user's zone.
func (v *view) Now() time.Time { return v.p.s.Now() }
