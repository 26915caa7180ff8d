package native

import (
	"context"
	"net/http"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// maxSettings bounds the settings of one request; the longest list of a
// channel's has about 20.
const maxSettings = 64

// createAccount adds a channel account: POST /accounts, 201.
func (d *Dialect) createAccount(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var in admin.NewAccount
	err = body.read(
		required("channel", body.name(&in.Channel, maxChannel)),
		optional("takes", body.takes(&in.Takes)),
		optional("default", body.truth(&in.Default)),
		optional("settings", body.texts(&in.Settings)),
		optional("secrets", body.texts(&in.Secrets)),
	)
	if err != nil {
		return err
	}
	account, err := d.s.Admin.AddAccount(c.ctx, c.by(), c.merchantID(), in)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", version+"/accounts/"+account.ID)
	return c.json(http.StatusCreated, answerChannelAccount(account))
}

// changeAccount changes what the body names: PATCH /accounts/{id}.
func (d *Dialect) changeAccount(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var in admin.AccountChange
	var isDefault bool
	err = body.read(
		optional("takes", body.takes(&in.Takes)),
		optional("default", func(v exactjson.Value, path string) {
			body.truth(&isDefault)(v, path)
			in.Default = &isDefault
		}),
		optional("settings", body.texts(&in.Settings)),
		optional("secrets", body.texts(&in.Secrets)),
	)
	if err != nil {
		return err
	}
	return d.answerChanged(c)(d.s.Admin.SetAccount(c.ctx, c.by(), c.merchantID(), c.r.PathValue("id"), in))
}

// rotateAccount adds new credentials to an account beside the old ones, which stay
// good for what the channel sends: POST /accounts/{id}/rotate.
func (d *Dialect) rotateAccount(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var settings, secrets map[string]string
	overlap := int64(admin.DefaultOverlap / time.Second)
	err = body.read(
		optional("settings", body.texts(&settings)),
		optional("secrets", body.texts(&secrets)),
		optional("overlap_seconds", body.count(&overlap, 0, int64(admin.MaxOverlap/time.Second))),
	)
	if err != nil {
		return err
	}
	return d.answerChanged(c)(d.s.Admin.RotateAccount(c.ctx, c.by(), c.merchantID(), c.r.PathValue("id"), settings, secrets, time.Duration(overlap)*time.Second))
}

// moving is one of the use cases that set an account's state.
type moving func(ctx context.Context, by admin.By, merchantID, id string) (merchant.ChannelAccount, error)

// moveAccount has no body: POST /accounts/{id}/pause and its like.
func (d *Dialect) moveAccount(c *call, move moving) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	if err := body.read(); err != nil {
		return err
	}
	return d.answerChanged(c)(move(c.ctx, c.by(), c.merchantID(), c.r.PathValue("id")))
}

func (d *Dialect) pauseAccount(c *call) error { return d.moveAccount(c, d.s.Admin.PauseAccount) }

// resumeAccount may say that nobody asked the channel what this database may have
// lost: POST /accounts/{id}/resume.
func (d *Dialect) resumeAccount(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var unchecked bool
	if err := body.read(optional("unchecked", body.truth(&unchecked))); err != nil {
		return err
	}
	resume := d.s.Admin.ResumeAccount
	if unchecked {
		resume = d.s.Admin.ResumeUnchecked
	}
	return d.answerChanged(c)(resume(c.ctx, c.by(), c.merchantID(), c.r.PathValue("id")))
}

func (d *Dialect) closeAccount(c *call) error { return d.moveAccount(c, d.s.Admin.CloseAccount) }

func (d *Dialect) answerChanged(c *call) func(merchant.ChannelAccount, error) error {
	return func(account merchant.ChannelAccount, err error) error {
		if err != nil {
			return err
		}
		account.Previous = account.LivePrevious(d.now())
		return c.json(http.StatusOK, answerChannelAccount(account))
	}
}

// problemText is what an error says to people.
func problemText(err error) string {
	if fault := refund.As(err); fault != nil {
		return fault.Detail
	}
	return err.Error()
}

// takes reads the channels that an account takes.
func (d *decoder) takes(to *[]string) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		*to = []string{}
		d.list(admin.MaxTakes, func(v exactjson.Value, path string) {
			var name string
			d.text(&name, admin.MaxTake)(v, path)
			*to = append(*to, name)
		})(v, path)
	}
}

// texts reads an object of texts.
func (d *decoder) texts(to *map[string]string) func(exactjson.Value, string) {
	return func(v exactjson.Value, path string) {
		if !d.is(v, path, exactjson.Object) {
			return
		}
		if len(v.Members) > maxSettings {
			d.refuse(path, "must have at most %d members", maxSettings)
			return
		}
		*to = make(map[string]string, len(v.Members))
		for _, m := range v.Members {
			var text string
			d.text(&text, admin.MaxSetting)(m.Value, path+"."+shown(m.Name))
			(*to)[m.Name] = text
		}
	}
}
