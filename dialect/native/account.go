package native

import (
	"maps"
	"net/http"
	"slices"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
)

// channelAccountAnswer is a channel account. Secrets are never shown: of those
// that are set there are the names.
type channelAccountAnswer struct {
	ID       string                `json:"id"`
	Channel  string                `json:"channel"`
	State    merchant.AccountState `json:"state"`
	Takes    []string              `json:"takes"`
	Default  bool                  `json:"default"`
	Version  int64                 `json:"version"`
	Settings map[string]string     `json:"settings"`
	Secrets  []string              `json:"secrets"`
	// Previous are the versions before that are still good for what the channel
	// sends, newest first.
	Previous []versionAnswer `json:"previous"`
	// Pauses are those of others than the account itself that keep it from sending.
	Pauses []pauseAnswer `json:"pauses"`
	// AskSince is since when the channel has to be asked what it did before the
	// account is resumed; null where nothing is to be asked.
	AskSince  moment `json:"ask_since"`
	CreatedAt moment `json:"created_at"`
	UpdatedAt moment `json:"updated_at"`
	// Unreadable says, in lists, that the account's row is damaged: nothing is sent.
	Unreadable bool `json:"unreadable,omitempty"`
}

type versionAnswer struct {
	Version   int64  `json:"version"`
	RetiresAt moment `json:"retires_at"`
}

func answerChannelAccount(a merchant.ChannelAccount) channelAccountAnswer {
	out := channelAccountAnswer{
		ID: a.ID, Channel: a.Channel, State: a.State, Takes: admin.Takes(a), Default: a.Default, Version: a.Version,
		Settings: a.Settings, Secrets: slices.Sorted(maps.Keys(a.Secrets)), Previous: []versionAnswer{},
		Pauses: answerPauses(a.MerchantID, a.Pauses), AskSince: moment(a.AskSince),
		CreatedAt: moment(a.CreatedAt), UpdatedAt: moment(a.UpdatedAt), Unreadable: a.Unreadable,
	}
	if out.Settings == nil {
		out.Settings = map[string]string{}
	}
	if out.Secrets == nil {
		out.Secrets = []string{}
	}
	for _, v := range a.Previous {
		out.Previous = append(out.Previous, versionAnswer{v.Version, moment(v.RetiresAt)})
	}
	return out
}

// AccountJSON is a channel account, opened, as the API shows it.
func AccountJSON(a merchant.ChannelAccount) any { return answerChannelAccount(a) }

type accountsAnswer struct {
	Data    []channelAccountAnswer `json:"data"`
	HasMore bool                   `json:"has_more"`
	Next    string                 `json:"next"`
}

// listAccounts lists the merchant's channel accounts, oldest first: GET
// /accounts. They are few, so that one page has them all.
func (d *Dialect) listAccounts(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	all, err := d.s.Admin.Accounts(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	out := accountsAnswer{Data: make([]channelAccountAnswer, len(all))}
	for n, a := range all {
		out.Data[n] = answerChannelAccount(a)
	}
	return c.json(http.StatusOK, out)
}

// getAccount shows one: GET /accounts/{id}.
func (d *Dialect) getAccount(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return d.answerAccount(c, http.StatusOK, c.r.PathValue("id"))
}

func (d *Dialect) answerAccount(c *call, status int, id string) error {
	account, err := d.s.Admin.Account(c.ctx, c.merchantID(), id)
	if err != nil {
		return err
	}
	return c.json(status, answerChannelAccount(account))
}

type channelAnswer struct {
	Channel  string                 `json:"channel"`
	Settings []channelSettingAnswer `json:"settings"`
}

type channelSettingAnswer struct {
	Name     string `json:"name"`
	Secret   bool   `json:"secret"`
	Required bool   `json:"required"`
	Default  string `json:"default"`
	Meaning  string `json:"meaning"`
}

// listChannels describes the channels that an account may be of: GET /channels.
func (d *Dialect) listChannels(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Data []channelAnswer `json:"data"`
	}{ChannelsJSON(d.s.Admin.Channels())})
}

// ChannelsJSON are channels as the API shows them.
func ChannelsJSON(channels []admin.Channel) []channelAnswer {
	out := make([]channelAnswer, len(channels))
	for n, channel := range channels {
		out[n] = channelAnswer{channel.Name, make([]channelSettingAnswer, len(channel.Settings))}
		for i, s := range channel.Settings {
			out[n].Settings[i] = channelSettingAnswer{s.Name, s.Secret, s.Required, s.Default, s.Meaning}
		}
	}
	return out
}
