package console

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// accountField is a setting of a channel's driver as a form shows it.
type accountField struct {
	merchant.Setting
	// Value is what it is now; secrets have none.
	Value string
	// Given says that a secret has a value, which is never shown.
	Given bool
}

// Long reports whether the field is for a text of several lines, such as a key.
func (f accountField) Long() bool {
	return f.Secret || strings.Contains(f.Name, "cert") || strings.Contains(f.Name, "public")
}

// accountPage is what the pages of channel accounts show.
type accountPage struct {
	Accounts []merchant.ChannelAccount
	Channels []string
	// Account is the one that a page is about; its ID is "" for a new one.
	Account merchant.ChannelAccount
	Fields  []accountField
	Takes   string
	Default bool
	Checks  []channel.Check
	Checked bool
	// Since is from when on the channel is asked, and Found what it has done.
	Since string
	Found *channel.Comparison
}

// TakesText is what an account takes, for people.
func (accountPage) TakesText(a merchant.ChannelAccount) string {
	return strings.Join(admin.Takes(a), " ")
}

// accounts lists a merchant's channel accounts.
func (p *page) accounts() error {
	if p.needsMerchant() {
		return p.render("choose", nil)
	}
	m, err := p.oneMerchant()
	if err != nil {
		return err
	}
	data := accountPage{}
	for _, known := range p.s.Admin.Channels() {
		data.Channels = append(data.Channels, known.Name)
	}
	if data.Accounts, err = p.s.Admin.Accounts(p.Context(), m.ID); err != nil {
		return err
	}
	return p.render("accounts", data)
}

// account shows one account, or with the id new the form of another.
func (p *page) account() error {
	data, err := p.oneAccount(p.URL.Query().Get("channel"))
	if err != nil {
		return err
	}
	return p.render("account", data)
}

// oneAccount is the account of the address, or a new one of a channel.
func (p *page) oneAccount(channelName string) (accountPage, error) {
	m, err := p.oneMerchant()
	if err != nil {
		return accountPage{}, err
	}
	data := accountPage{Account: merchant.ChannelAccount{Channel: channelName, MerchantID: m.ID}, Takes: admin.TakesAll}
	if id := p.PathValue("id"); id != "new" && id != "" {
		if data.Account, err = p.s.Admin.Account(p.Context(), m.ID, id); err != nil {
			return data, err
		}
		data.Takes, data.Default = data.TakesText(data.Account), data.Account.Default
	}
	all := p.s.Admin.Channels()
	at := slices.IndexFunc(all, func(c admin.Channel) bool { return c.Name == data.Account.Channel })
	if at < 0 {
		return data, refund.Errorf(refund.KindNotFound, "channel", "there is no channel %q", data.Account.Channel)
	}
	for _, s := range all[at].Settings {
		field := accountField{Setting: s, Value: data.Account.Settings[s.Name]}
		_, field.Given = data.Account.Secrets[s.Name]
		data.Fields = append(data.Fields, field)
	}
	data.Account.Secrets = nil // nothing of them reaches a template
	return data, nil
}

// accountForm reads the fields of an account's form: settings, and the secrets that
// were typed or uploaded. What was typed stays in data's fields, secrets excepted.
func (p *page) accountForm(data *accountPage) (settings, secrets map[string]string, err error) {
	if err := p.parse(); err != nil {
		return nil, nil, err
	}
	settings, secrets = map[string]string{}, map[string]string{}
	for n, field := range data.Fields {
		text := p.PostForm.Get("set." + field.Name)
		if field.Secret {
			p.hide("set." + field.Name)
		}
		uploaded, err := p.upload("file." + field.Name)
		if err != nil {
			return nil, nil, err
		}
		if uploaded != "" {
			text = uploaded
		}
		if !fit(text) {
			return nil, nil, refund.Errorf(refund.KindInvalid, field.Name, "%s: must be text", field.Name)
		}
		text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
		switch {
		case field.Secret && text != "":
			secrets[field.Name] = text
		case !field.Secret && (text != "" || field.Value != ""):
			settings[field.Name] = text
			data.Fields[n].Value = text
		}
	}
	data.Takes, data.Default = strings.TrimSpace(p.PostForm.Get("takes")), p.PostForm.Get("default") != ""
	return settings, secrets, nil
}

// upload is the text of a file of the form; "" for none.
func (p *page) upload(name string) (string, error) {
	if p.MultipartForm == nil {
		return "", nil
	}
	file, _, err := p.FormFile(name)
	if errors.Is(err, http.ErrMissingFile) {
		return "", nil
	}
	if err != nil {
		return "", refund.Errorf(refund.KindInvalid, strings.TrimPrefix(name, "file."), "the file can't be read")
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, admin.MaxSetting+1))
	if err != nil {
		return "", refund.Errorf(refund.KindInvalid, strings.TrimPrefix(name, "file."), "the file can't be read")
	}
	return string(text), nil
}

// takes reads the names of charges' channels; nil is whatever is left.
func takes(text string) []string {
	list := strings.Fields(strings.ReplaceAll(text, ",", " "))
	if len(list) == 0 || slices.Equal(list, []string{admin.TakesAll}) {
		return []string{admin.TakesAll}
	}
	return list
}

// addAccount adds an account.
func (p *page) addAccount() error {
	if err := p.parse(); err != nil {
		return err
	}
	data, err := p.oneAccount(p.PostForm.Get("channel"))
	if err != nil {
		return err
	}
	settings, secrets, err := p.accountForm(&data)
	if err != nil {
		return p.renderForm("account", data, err)
	}
	m := p.merchant
	_, err = p.act(m.ID, func(by admin.By) error {
		// An empty field of a new account is as if it were not there.
		maps.DeleteFunc(settings, func(_, text string) bool { return text == "" })
		_, err := p.s.Admin.AddAccount(p.Context(), by, m.ID, admin.NewAccount{
			Channel: data.Account.Channel, Takes: takes(data.Takes), Default: data.Default, Settings: settings, Secrets: secrets,
		})
		return err
	})
	if err != nil {
		return p.renderForm("account", data, err)
	}
	p.flash("accounts.added")
	return p.redirect("/console/settings/accounts?merchant=" + m.ID)
}

// accountDo does what a form or button of an account's page asks for.
func (p *page) accountDo() error {
	data, err := p.oneAccount("")
	if err != nil {
		return err
	}
	m, id := p.merchant, data.Account.ID
	if id == "" {
		return p.nowhere()
	}
	ctx := p.Context()
	switch p.PathValue("act") {
	case "set", "rotate":
		err = p.saveAccount(m.ID, &data)
	case "check":
		if data.Checks, err = p.s.Admin.CheckAccount(ctx, m.ID, id); err == nil {
			data.Checked = true
			return p.render("account", data)
		}
	case "ask":
		if err = p.askAccount(m.ID, &data); err == nil {
			return p.render("account", data)
		}
	case "pause":
		_, err = p.act(m.ID, func(by admin.By) error { _, err := p.s.Admin.PauseAccount(ctx, by, m.ID, id); return err })
	case "resume":
		_, err = p.act(m.ID, func(by admin.By) error { _, err := p.s.Admin.ResumeAccount(ctx, by, m.ID, id); return err })
	case "close":
		_, err = p.act(m.ID, func(by admin.By) error { _, err := p.s.Admin.CloseAccount(ctx, by, m.ID, id); return err })
	default:
		return p.nowhere()
	}
	if err != nil {
		return p.renderForm("account", data, err)
	}
	p.flash("accounts.done", id)
	return p.redirect("/console/settings/accounts/" + id + "?merchant=" + m.ID)
}

// askAccount asks the account's channel what it has done since a time of the user's
// zone, and adopts what is not ours. Again, it changes nothing.
func (p *page) askAccount(merchantID string, data *accountPage) error {
	var form struct {
		Since string `form:"since"`
	}
	if err := p.decode(&form); err != nil {
		return err
	}
	data.Since = form.Since
	since, err := time.ParseInLocation("2006-01-02T15:04", form.Since, p.zone)
	if err != nil {
		return refund.Errorf(refund.KindInvalid, "since", "since is a date and a time")
	}
	found, err := p.s.Admin.AskAccount(p.Context(), p.by(), merchantID, data.Account.ID, since, nil)
	if err != nil {
		return err
	}
	data.Found = &found
	data.Account, err = p.s.Admin.Account(p.Context(), merchantID, data.Account.ID)
	return err
}

// saveAccount changes an account to what its form says, or rotates its credentials.
func (p *page) saveAccount(merchantID string, data *accountPage) error {
	settings, secrets, err := p.accountForm(data)
	if err != nil {
		return err
	}
	maps.DeleteFunc(settings, func(name, text string) bool { return data.Account.Settings[name] == text })
	var form struct {
		Hours int64 `form:"overlap"`
	}
	if err := p.decode(&form); err != nil {
		return err
	}
	_, err = p.act(merchantID, func(by admin.By) error {
		if p.PathValue("act") == "rotate" {
			_, err := p.s.Admin.RotateAccount(p.Context(), by, merchantID, data.Account.ID, settings, secrets, time.Duration(form.Hours)*time.Hour)
			return err
		}
		_, err := p.s.Admin.SetAccount(p.Context(), by, merchantID, data.Account.ID, admin.AccountChange{
			Takes: takes(data.Takes), Default: &data.Default, Settings: settings, Secrets: secrets,
		})
		return err
	})
	return err
}
