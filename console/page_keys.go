package console

import (
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// keyForm is what a form says of a key.
type keyForm struct {
	Dialect    string   `form:"dialect"`
	Identity   string   `form:"identity"`
	Scopes     []string `form:"scopes"`
	ExpiresAt  string   `form:"expires_at"`
	AllowIPs   string   `form:"allow_ips"`
	Currencies []string `form:"ceiling_currency"`
	MaxRefunds []string `form:"ceiling_refund"`
	MaxDays    []string `form:"ceiling_day"`
}

// keyPage is what the pages of keys show.
type keyPage struct {
	Keys     []merchant.Key
	Platform []merchant.PlatformKey
	// Key is the one that is changed, and its fields are in Form.
	Key        merchant.Key
	Form       keyForm
	Ceilings   []ceilingRow
	Dialects   []string
	Identities []merchant.Identity
	Scopes     []merchant.Scope
	Now        time.Time
	// ID, Secret and ClientSecret are of a key that was made; shown once.
	ID, Secret, ClientSecret string
}

// ceilingRow is one row of the form's ceilings.
type ceilingRow struct{ Currency, MaxRefund, MaxDay string }

// ceilingRows are as many rows as a key may be given at once on a page.
const ceilingRows = 3

// Ended reports whether a key's life is over.
func (k keyPage) Ended(key merchant.Key) bool {
	return !key.ExpiresAt.IsZero() && !key.ExpiresAt.After(k.Now)
}

// Checked reports whether the form has a scope.
func (k keyPage) Checked(scope merchant.Scope) bool {
	return slices.Contains(k.Form.Scopes, string(scope))
}

func (p *page) keyPage() (keyPage, error) {
	m, err := p.oneMerchant()
	if err != nil {
		return keyPage{}, err
	}
	out := keyPage{Now: p.s.Now()}
	if out.Keys, err = p.s.Settings.Keys(p.Context(), m.ID); err != nil {
		return out, err
	}
	if out.Identities, err = p.s.Settings.Identities(p.Context(), m.ID); err != nil {
		return out, err
	}
	if p.user.MayEverywhere(merchant.ScopeMerchant) {
		if out.Platform, err = p.s.Settings.AllPlatformKeys(p.Context()); err != nil {
			return out, err
		}
	}
	for _, known := range p.s.Dialects {
		if known.Keys != nil {
			out.Dialects = append(out.Dialects, known.Name)
			if known.EveryMerchant {
				out.Form.Dialect = known.Name
			}
		}
	}
	out.Scopes = merchant.Scopes()
	out.Ceilings = rowsOf(nil)
	return out, nil
}

// keys lists a merchant's keys.
func (p *page) keys() error {
	if p.needsMerchant() {
		return p.render("choose", nil)
	}
	data, err := p.keyPage()
	if err != nil {
		return err
	}
	return p.render("keys", data)
}

// addKey makes a key and shows its text, once.
func (p *page) addKey() error {
	data, err := p.keyPage()
	if err != nil {
		return err
	}
	m, err := p.oneMerchant()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	data.Ceilings = data.Form.rows()
	in, err := data.Form.key(p.zone)
	var w refund.Write
	if err == nil {
		in.Giver = p.giver(m.ID)
		w, err = p.act(m.ID, func(by admin.By) error {
			fresh, err := p.s.Admin.AddKey(p.Context(), by, m.ID, in)
			if by.Write == nil && err == nil {
				data.ID, data.Secret = fresh.Key.ID, fresh.Told()
			}
			return err
		})
	}
	if err != nil {
		return p.renderForm("keys", data, err)
	}
	if w.Made != "" {
		data.ID, data.Secret = w.Made, w.Secret
	}
	data.Secret, data.ClientSecret, _ = strings.Cut(data.Secret, " ")
	return p.render("key_made", data)
}

// key shows the form of one key.
func (p *page) key() error {
	data, err := p.oneKey()
	if err != nil {
		return err
	}
	return p.render("key", data)
}

func (p *page) oneKey() (keyPage, error) {
	data, err := p.keyPage()
	if err != nil {
		return data, err
	}
	at := slices.IndexFunc(data.Keys, func(k merchant.Key) bool { return k.ID == p.PathValue("id") })
	if at < 0 {
		return data, refund.Errorf(refund.KindNotFound, "id", "there is no such key")
	}
	data.Key = data.Keys[at]
	for _, scope := range data.Key.Scopes {
		data.Form.Scopes = append(data.Form.Scopes, string(scope))
	}
	if !data.Key.ExpiresAt.IsZero() {
		data.Form.ExpiresAt = data.Key.ExpiresAt.In(p.zone).Format(localTime)
	}
	var networks []string
	for _, network := range data.Key.Limits.AllowIPs {
		networks = append(networks, network.String())
	}
	data.Form.AllowIPs = strings.Join(networks, "\n")
	data.Ceilings = rowsOf(data.Key.Limits.Ceilings)
	if known, ok := p.s.Dialects.Find(data.Key.Dialect); ok && known.Keys != nil {
		if m, err := p.oneMerchant(); err == nil {
			data.Scopes = known.Keys.PossibleScopes(m.Mode)
		}
	}
	return data, nil
}

// changeKey changes a key to what its form says.
func (p *page) changeKey() error {
	data, err := p.oneKey()
	if err != nil {
		return err
	}
	data.Form = keyForm{}
	m, err := p.oneMerchant()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	data.Ceilings = data.Form.rows()
	in, err := data.Form.key(p.zone)
	if err == nil {
		if len(in.Scopes) == 0 {
			in.Scopes = []merchant.Scope{}
		}
		set := admin.KeyEdit{Scopes: in.Scopes, ExpiresAt: &in.ExpiresAt, AllowIPs: &in.Limits.AllowIPs, Ceilings: &in.Limits.Ceilings, Giver: p.giver(m.ID)}
		_, err = p.act(m.ID, func(by admin.By) error {
			_, err := p.s.Admin.SetKey(p.Context(), by, m.ID, data.Key.ID, set)
			return err
		})
	}
	if err != nil {
		return p.renderForm("key", data, err)
	}
	p.flash("keys.changed", data.Key.ID)
	return p.redirect("/console/settings/keys?merchant=" + m.ID)
}

// endKey ends a key's life now.
func (p *page) endKey() error {
	m, err := p.oneMerchant()
	if err != nil {
		return err
	}
	_, err = p.act(m.ID, func(by admin.By) error {
		_, err := p.s.Admin.ExpireKey(p.Context(), by, m.ID, p.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	p.flash("keys.ended", p.PathValue("id"))
	return p.redirect("/console/settings/keys?merchant=" + m.ID)
}

// giver is the user as who gives a key its scopes: they give none that they lack.
func (p *page) giver(merchantID string) *merchant.Key {
	giver := &merchant.Key{}
	for _, scope := range merchant.Scopes() {
		if p.user.May(merchantID, scope) {
			giver.Scopes = append(giver.Scopes, scope)
		}
	}
	return giver
}

// localTime is how browsers write a time without a zone.
const localTime = "2006-01-02T15:04"

// key reads the form. Errors name the field.
func (f keyForm) key(zone *time.Location) (admin.NewKey, error) {
	in := admin.NewKey{Dialect: f.Dialect, Identity: f.Identity}
	for _, scope := range f.Scopes {
		in.Scopes = append(in.Scopes, merchant.Scope(scope))
	}
	if f.ExpiresAt != "" {
		at, err := time.ParseInLocation(localTime, f.ExpiresAt, zone)
		if err != nil || at.Year() > 9998 {
			return in, refund.Errorf(refund.KindInvalid, "expires_at", "expires_at is a time such as 2027-01-31T12:00")
		}
		in.ExpiresAt = at.UTC()
	}
	for text := range strings.FieldsSeq(strings.ReplaceAll(f.AllowIPs, ",", " ")) {
		network, err := merchant.ParseNetwork(text)
		if err != nil {
			return in, refund.Errorf(refund.KindInvalid, "allow_ips", "%s %v", text, err)
		}
		in.Limits.AllowIPs = append(in.Limits.AllowIPs, network)
	}
	for _, row := range f.rows() {
		if row == (ceilingRow{}) || row.MaxRefund == "" && row.MaxDay == "" {
			continue
		}
		ceiling := money.Ceiling{Currency: money.Currency(strings.ToUpper(row.Currency))}
		if !ceiling.Currency.Valid() {
			return in, refund.Errorf(refund.KindInvalid, "ceilings", "%q is no currency of ISO 4217", row.Currency)
		}
		for _, bound := range []struct {
			text string
			to   *money.Minor
		}{{row.MaxRefund, &ceiling.PerRefund}, {row.MaxDay, &ceiling.PerDay}} {
			if bound.text == "" {
				continue
			}
			amount, err := money.Parse(bound.text, ceiling.Currency)
			if err != nil || amount <= 0 || money.Format(amount, ceiling.Currency) != bound.text {
				return in, refund.Errorf(refund.KindInvalid, "ceilings", "%s is no amount above 0 with the %d decimals of %s", bound.text, ceiling.Currency.Exponent(), ceiling.Currency)
			}
			*bound.to = amount
		}
		in.Limits.Ceilings = append(in.Limits.Ceilings, ceiling)
	}
	return in, nil
}

// rows are the form's ceilings as they were typed.
func (f keyForm) rows() []ceilingRow {
	at := func(list []string, n int) string {
		if n < len(list) {
			return strings.TrimSpace(list[n])
		}
		return ""
	}
	rows := make([]ceilingRow, max(ceilingRows, min(len(f.Currencies), merchant.MaxCeilings)))
	for n := range rows {
		rows[n] = ceilingRow{at(f.Currencies, n), at(f.MaxRefunds, n), at(f.MaxDays, n)}
	}
	return rows
}

// rowsOf are ceilings as the form shows them, with empty rows for more.
func rowsOf(ceilings []money.Ceiling) []ceilingRow {
	rows := make([]ceilingRow, max(ceilingRows, len(ceilings)+1))
	text := func(m money.Minor, c money.Currency) string {
		if m == 0 {
			return ""
		}
		return money.Format(m, c)
	}
	for n, c := range ceilings {
		rows[n] = ceilingRow{string(c.Currency), text(c.PerRefund, c.Currency), text(c.PerDay, c.Currency)}
	}
	return rows
}
