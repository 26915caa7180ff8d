package native

import (
	"context"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Merchants keeps what a merchant may look at about itself.
type Merchants interface {
	// Keys are all of a merchant's, expired ones too, oldest first.
	Keys(ctx context.Context, merchantID string) ([]merchant.Key, error)
	// Balances are what went into each account less what went out.
	Balances(ctx context.Context, merchantID string) (map[ledger.Balance]*big.Int, error)
}

// Limits of settings.
const (
	// maxPage is the most refunds on a page of the Ping++ list
	// (docs/rules/pingpp.md, P3.1-2).
	maxPage = 100
	// maxSpacing is a day: what should wait longer has a start time.
	maxSpacing = 24 * 60 * 60
	// maxCount bounds amounts and counts: the largest number that every JSON
	// client reads exactly.
	maxCount = 1<<53 - 1
	// maxPEM is above an RSA key of 16384 bits, or a chain of certificates.
	maxPEM = 16 << 10
)

type settingsAnswer struct {
	WaitSeconds     map[string]int `json:"wait_seconds"`
	RefundPageSize  int            `json:"refund_page_size"` // 0 is the page's own, 20
	CheckSignatures bool           `json:"check_signatures"`
	RequestKey      string         `json:"request_key"`
	UnsignedAnswers bool           `json:"unsigned_answers"`
	ChannelRules    bool           `json:"channel_rules"`
	Limits          limitsAnswer   `json:"limits"`
}

type limitsAnswer struct {
	MostAmount     int64 `json:"most_amount"` // 0 is none, as of the others
	MostRefunds    int64 `json:"most_refunds"`
	SpacingSeconds int64 `json:"spacing_seconds"`
}

func answerSettings(dialects merchant.Dialects, s merchant.Settings) settingsAnswer {
	out := settingsAnswer{
		WaitSeconds: map[string]int{}, RefundPageSize: s.RefundPageSize,
		CheckSignatures: s.CheckSignatures, RequestKey: s.RequestKey, UnsignedAnswers: s.UnsignedAnswers,
		ChannelRules: s.ChannelRules, Limits: limitsAnswer(s.Limits),
	}
	for _, name := range dialects.Names() {
		out.WaitSeconds[name] = s.WaitSeconds[name]
	}
	return out
}

type identityAnswer struct {
	Dialect string `json:"dialect"`
	Name    string `json:"name"`
	Sub     string `json:"sub"`
	// Settings hold what is no secret: switches, certificates, public keys.
	Settings  map[string]string `json:"settings"`
	CreatedAt moment            `json:"created_at"`
	// Unreadable says, in lists, that the identity's row is damaged: it can't be used.
	Unreadable bool `json:"unreadable,omitempty"`
}

func answerIdentity(i merchant.Identity) identityAnswer {
	out := identityAnswer{i.Dialect, i.Name, i.Sub, i.Public, moment(i.CreatedAt), i.Unreadable}
	if out.Settings == nil {
		out.Settings = map[string]string{}
	}
	return out
}

type accountAnswer struct {
	ID        string                `json:"id"`
	Connector string                `json:"connector"` // an earlier name of channel
	Channel   string                `json:"channel"`
	State     merchant.AccountState `json:"state"`
	CreatedAt moment                `json:"created_at"`
}

type merchantAnswer struct {
	ID              string           `json:"id"`
	Name            string           `json:"name"`
	Mode            merchant.Mode    `json:"mode"`
	Settings        settingsAnswer   `json:"settings"`
	Identities      []identityAnswer `json:"identities"`
	ChannelAccounts []accountAnswer  `json:"channel_accounts"`
	// Pauses are those that concern the merchant; an account's own is its state.
	Pauses    []pauseAnswer `json:"pauses"`
	CreatedAt moment        `json:"created_at"`
}

// getMerchant shows the caller: GET /merchant.
func (d *Dialect) getMerchant(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	identities, err := d.s.Directory.Identities(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	accounts, err := d.s.Directory.ChannelAccounts(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	pauses, err := d.s.Admin.Pauses(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	m := c.caller.Merchant
	out := merchantAnswer{
		ID: m.ID, Name: m.Name, Mode: m.Mode, Settings: answerSettings(d.s.Dialects, m.Settings), CreatedAt: moment(m.CreatedAt),
		Identities: make([]identityAnswer, len(identities)), ChannelAccounts: make([]accountAnswer, len(accounts)),
		Pauses: answerPauses(c.merchantID(), pauses),
	}
	for n, i := range identities {
		out.Identities[n] = answerIdentity(i.Showing(d.now()))
	}
	for n, a := range accounts {
		out.ChannelAccounts[n] = accountAnswer{a.ID, a.Channel, a.Channel, a.State, moment(a.CreatedAt)}
	}
	return c.json(http.StatusOK, out)
}

// changeSettings changes the settings that the body names: PATCH
// /merchant/settings.
func (d *Dialect) changeSettings(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	settings, err := d.s.Admin.ChangeSettings(c.ctx, c.by(), c.merchantID(), func(s *merchant.Settings) error {
		return body.settings(d.s.Dialects, s)
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerSettings(d.s.Dialects, settings))
}

// settings reads members into s; what is absent stays. It may be called again.
func (d *decoder) settings(all merchant.Dialects, s *merchant.Settings) error {
	d.fault = nil
	oldKey := s.RequestKey
	waits := make(map[string]int, len(s.WaitSeconds))
	for name, seconds := range s.WaitSeconds {
		waits[name] = seconds
	}
	var dialects []member
	for _, name := range all.Names() {
		dialects = append(dialects, optional(name, func(v exactjson.Value, path string) {
			var seconds int64
			d.count(&seconds, 0, int64(dialect.MaxWait/time.Second))(v, path)
			waits[name] = int(seconds)
		}))
	}
	page := int64(s.RefundPageSize)
	err := d.read(
		optional("wait_seconds", func(v exactjson.Value, path string) { d.object(v, path, dialects) }),
		optional("refund_page_size", d.count(&page, 0, maxPage)),
		optional("check_signatures", d.truth(&s.CheckSignatures)),
		optional("channel_rules", d.truth(&s.ChannelRules)),
		optional("request_key", d.text(&s.RequestKey, maxPEM)),
		optional("unsigned_answers", d.truth(&s.UnsignedAnswers)),
		optional("limits", func(v exactjson.Value, path string) {
			d.object(v, path, []member{
				optional("most_amount", d.count(&s.Limits.MostAmount, 0, maxCount)),
				optional("most_refunds", d.count(&s.Limits.MostRefunds, 0, maxCount)),
				optional("spacing_seconds", d.count(&s.Limits.SpacingSeconds, 0, maxSpacing)),
			})
		}),
	)
	if err != nil {
		return err
	}
	if s.CheckSignatures && s.RequestKey == "" {
		return refuse(refund.KindInvalid, "check_signatures", "needs request_key")
	}
	s.WaitSeconds, s.RefundPageSize = waits, int(page)
	for _, known := range all {
		// What was stored by an older version is not looked at again.
		if known.CheckMerchant == nil || s.RequestKey == oldKey {
			continue
		}
		if err := known.CheckMerchant(*s); err != nil {
			return invalidSetting("", err)
		}
	}
	return nil
}

// invalidSetting is the error of a setting that its dialect refuses; the text of
// err begins with the setting's name.
func invalidSetting(before string, err error) *refund.Error {
	text := before + err.Error()
	name := text[:strings.IndexFunc(text+" ", func(r rune) bool { return r == ' ' || r == ':' })]
	return refund.Errorf(refund.KindInvalid, name, "%s", text)
}

// truth reads true or false.
func (d *decoder) truth(to *bool) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if d.is(v, path, exactjson.Bool) {
			*to = v.Text == "true"
		}
	}
}
