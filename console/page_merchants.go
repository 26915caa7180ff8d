package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// merchantPage is what the pages of merchants show.
type merchantPage struct {
	Dialects []merchant.Dialect
	Channels []string
	Pauses   []merchant.Pause
	// Form is of a new merchant.
	Form newMerchantForm
	// Merchant is the one that a page is about, with its identities.
	Merchant   merchant.Merchant
	Identities []identityRow
	// Adds are the forms of new identities, one for each dialect that has them, and
	// Adding is the dialect of the one that was refused.
	Adds   []newIdentity
	Adding string
	// Everywhere says that the user may make merchants and pause all of them.
	Everywhere bool
	// Fresh is shown once.
	Fresh *merchant.Fresh
	// Credentials are those of a new identity, shown once.
	Credentials map[string]string
}

// newIdentity is the form of a new identity in a dialect.
type newIdentity struct {
	Dialect string
	Fields  []accountField
}

type newMerchantForm struct {
	Name string   `form:"name"`
	Mode string   `form:"mode"`
	With []string `form:"with"`
}

// identityRow is an identity with the fields of its form.
type identityRow struct {
	merchant.Identity
	Fields []accountField
}

// settingsForm are a merchant's own settings.
type settingsForm struct {
	RefundPageSize int64 `form:"refund_page_size"`
	ChannelRules   bool  `form:"channel_rules"`
	MostAmount     int64 `form:"most_amount"`
	MostRefunds    int64 `form:"most_refunds"`
	Spacing        int64 `form:"spacing_seconds"`
}

// WaitOf is how long a dialect waits.
func (m merchantPage) WaitOf(dialect string) int { return m.Merchant.Settings.WaitSeconds[dialect] }

func (p *page) merchantPage() (merchantPage, error) {
	data := merchantPage{Dialects: p.s.Dialects, Everywhere: p.user.MayEverywhere(merchant.ScopeMerchant), Form: newMerchantForm{Mode: string(merchant.Test)}}
	for _, known := range p.s.Admin.Channels() {
		data.Channels = append(data.Channels, known.Name)
	}
	seen := ""
	if !data.Everywhere {
		seen = p.merchant.ID
		if seen == "" && len(p.merchants) > 0 {
			seen = p.merchants[0].ID
		}
	}
	var err error
	data.Pauses, err = p.s.Admin.Pauses(p.Context(), seen)
	return data, err
}

// merchantList lists the merchants that the user sees, and what is paused.
func (p *page) merchantList() error {
	data, err := p.merchantPage()
	if err != nil {
		return err
	}
	return p.render("merchants", data)
}

// addMerchant makes a merchant and shows its keys, once.
func (p *page) addMerchant() error {
	data, err := p.merchantPage()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	mode := merchant.Mode(data.Form.Mode)
	if mode != merchant.Test && mode != merchant.Live {
		return p.renderForm("merchants", data, refund.Errorf(refund.KindInvalid, "mode", "mode is test or live"))
	}
	fresh, err := admin.MakeMerchant(p.s.Dialects, admin.NewMerchant{Name: data.Form.Name, Mode: mode, With: data.Form.With}, p.s.Now().UTC().Truncate(time.Microsecond))
	if err == nil {
		// A second click meets the name, which no other merchant may have.
		by := p.by()
		err = p.s.Admin.AddMerchant(p.Context(), by, fresh)
	}
	if err != nil {
		return p.renderForm("merchants", data, err)
	}
	data.Fresh, data.Merchant = &fresh, fresh.Merchant
	return p.render("merchant_made", data)
}

func (p *page) oneMerchantPage() (merchantPage, error) {
	id := p.PathValue("id")
	if err := p.require(id, merchant.ScopeRead); err != nil {
		return merchantPage{}, err
	}
	at := slices.IndexFunc(p.merchants, func(m merchant.Merchant) bool { return m.ID == id })
	if at < 0 {
		return merchantPage{}, refund.Errorf(refund.KindNotFound, "id", "there is no such merchant")
	}
	p.merchant = p.merchants[at]
	data, err := p.merchantPage()
	if err != nil {
		return data, err
	}
	data.Merchant = p.merchant
	for _, known := range p.s.Dialects {
		if known.Make == nil {
			continue
		}
		form := newIdentity{Dialect: known.Name}
		for _, s := range known.Settings {
			form.Fields = append(form.Fields, accountField{Setting: s})
		}
		data.Adds = append(data.Adds, form)
	}
	identities, err := p.s.Settings.Identities(p.Context(), id)
	for _, identity := range identities {
		row := identityRow{Identity: identity.Showing(p.s.Now())}
		if known, ok := p.s.Dialects.Find(identity.Dialect); ok {
			for _, s := range known.Settings {
				if s.Fixed || identity.Unreadable {
					continue
				}
				_, given := identity.Secrets[s.Name]
				row.Fields = append(row.Fields, accountField{Setting: s, Value: identity.Public[s.Name], Given: given})
			}
		}
		row.Secrets, row.PlatformKeys = nil, nil
		data.Identities = append(data.Identities, row)
	}
	return data, err
}

// merchantOne shows one merchant with its settings and identities.
func (p *page) merchantOne() error {
	data, err := p.oneMerchantPage()
	if err != nil {
		return err
	}
	return p.render("merchant", data)
}

// merchantDo does what a form of a merchant's page asks for.
func (p *page) merchantDo() error {
	id := p.PathValue("id")
	if err := p.require(id, merchant.ScopeMerchant); err != nil {
		return err
	}
	data, err := p.oneMerchantPage()
	if err != nil {
		return err
	}
	ctx := p.Context()
	switch p.PathValue("act") {
	case "set":
		err = p.saveMerchant(id)
	case "identity":
		err = p.saveIdentity(id, data)
	case "add-identity":
		return p.addIdentity(id, data)
	case "pause", "resume":
		err = p.pauseScope(merchant.PauseScope{MerchantID: id})
	case "disable":
		_, err = p.act(id, func(by admin.By) error { _, err := p.s.Admin.DisableMerchant(ctx, by, id); return err })
	case "enable":
		_, err = p.act(id, func(by admin.By) error { _, err := p.s.Admin.EnableMerchant(ctx, by, id); return err })
	default:
		return p.nowhere()
	}
	if err != nil {
		return p.renderForm("merchant", data, err)
	}
	p.flash("merchants.done", data.Merchant.Name)
	return p.redirect("/console/settings/merchants/" + id)
}

// pauseEverything pauses or resumes a channel for all merchants, or the installation.
func (p *page) pauseEverything() error {
	if err := p.pauseScope(merchant.PauseScope{}); err != nil {
		data, readErr := p.merchantPage()
		if readErr != nil {
			return readErr
		}
		return p.renderForm("merchants", data, err)
	}
	p.flash("merchants.pauses_changed")
	return p.redirect("/console/settings/merchants")
}

// pauseScope pauses or resumes a scope, narrowed by the form's channel.
func (p *page) pauseScope(scope merchant.PauseScope) error {
	var form struct {
		Channel string `form:"channel"`
		Reason  string `form:"reason"`
	}
	if err := p.decode(&form); err != nil {
		return err
	}
	scope.Channel = form.Channel
	_, err := p.act(scope.MerchantID, func(by admin.By) error {
		if p.PathValue("act") == "resume" {
			_, err := p.s.Admin.Resume(p.Context(), by, scope)
			return err
		}
		_, err := p.s.Admin.Pause(p.Context(), by, scope, form.Reason)
		return err
	})
	return err
}

const (
	// maxPageSize, maxWait and maxLimit bound a merchant's settings, as the native API
	// does.
	maxPageSize = 100
	maxWait     = 20
	maxLimit    = 1_000_000_000_000_000
)

// saveMerchant changes a merchant's settings to what the form says.
func (p *page) saveMerchant(id string) error {
	var form settingsForm
	if err := p.decode(&form); err != nil {
		return err
	}
	for _, bound := range []struct {
		name        string
		value, most int64
	}{
		{"refund_page_size", form.RefundPageSize, maxPageSize},
		{"most_amount", form.MostAmount, maxLimit},
		{"most_refunds", form.MostRefunds, maxLimit},
		{"spacing_seconds", form.Spacing, maxLimit},
	} {
		if bound.value < 0 || bound.value > bound.most {
			return refund.Errorf(refund.KindInvalid, bound.name, "%s is a whole number from 0 to %d", bound.name, bound.most)
		}
	}
	waits := map[string]int{}
	for _, known := range p.s.Dialects {
		text := strings.TrimSpace(p.PostForm.Get("wait." + known.Name))
		if text == "" || text == "0" {
			continue
		}
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 || seconds > maxWait {
			return refund.Errorf(refund.KindInvalid, "wait."+known.Name, "wait.%s is a whole number from 0 to %d", known.Name, maxWait)
		}
		waits[known.Name] = seconds
	}
	_, err := p.act(id, func(by admin.By) error {
		_, err := p.s.Admin.ChangeSettings(p.Context(), by, id, func(s *merchant.Settings) error {
			s.RefundPageSize, s.ChannelRules, s.WaitSeconds = int(form.RefundPageSize), form.ChannelRules, waits
			s.Limits = merchant.Limits{MostAmount: form.MostAmount, MostRefunds: form.MostRefunds, SpacingSeconds: form.Spacing}
			return nil
		})
		return err
	})
	return err
}

// saveIdentity changes the settings of one of the merchant's identities.
func (p *page) saveIdentity(id string, data merchantPage) error {
	if err := p.parse(); err != nil {
		return err
	}
	at := slices.IndexFunc(data.Identities, func(i identityRow) bool {
		return i.Dialect == p.PostForm.Get("dialect") && i.Name == p.PostForm.Get("name")
	})
	if at < 0 {
		return refund.Errorf(refund.KindNotFound, "name", "the merchant has no such identity")
	}
	page := accountPage{Fields: data.Identities[at].Fields}
	settings, secrets, err := p.accountForm(&page)
	if err != nil {
		return err
	}
	identity := data.Identities[at].Identity
	for name, text := range settings {
		if identity.Public[name] == text {
			delete(settings, name)
		}
	}
	_, err = p.act(id, func(by admin.By) error {
		_, err := p.s.Admin.SetIdentity(p.Context(), by, id, admin.IdentitySet{
			Dialect: identity.Dialect, Name: identity.Name, Set: merchant.Given{Settings: settings, Secrets: secrets},
		})
		return err
	})
	return err
}

// addIdentity makes the merchant known in one more dialect, or under one more name in
// it, and shows once what was made up.
func (p *page) addIdentity(id string, data merchantPage) error {
	if err := p.parse(); err != nil {
		return err
	}
	data.Adding = p.PostForm.Get("dialect")
	at := slices.IndexFunc(data.Adds, func(f newIdentity) bool { return f.Dialect == data.Adding })
	if at < 0 {
		return p.renderForm("merchant", data, refund.Errorf(refund.KindInvalid, "dialect", "there are no identities in dialect %q", data.Adding))
	}
	page := accountPage{Fields: data.Adds[at].Fields}
	settings, secrets, err := p.accountForm(&page)
	if err != nil {
		return p.renderForm("merchant", data, err)
	}
	var made []byte
	w, err := p.act(id, func(by admin.By) error {
		given := merchant.Given{Settings: settings, Secrets: secrets}
		fresh, err := p.s.Admin.AddIdentity(p.Context(), by, id, admin.NewIdentity{Dialect: data.Adding, Given: given, Giver: p.giver(id)})
		if by.Write == nil && err == nil {
			made = fresh.Credentials(given)
		}
		return err
	})
	if err != nil {
		return p.renderForm("merchant", data, err)
	}
	if w.Secret != "" {
		made = []byte(w.Secret)
	}
	if made != nil { // a repeat a day later shows nothing
		if err := json.Unmarshal(made, &data.Credentials); err != nil {
			return fmt.Errorf("read credentials: %w", err)
		}
	}
	return p.render("identity_made", data)
}
