package service

import (
	"log/slog"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	channelalipay "github.com/refundry/refundry/channel/alipay"
	"github.com/refundry/refundry/channel/chinaums"
	"github.com/refundry/refundry/channel/manual"
	channelpayin "github.com/refundry/refundry/channel/payin"
	channelpingpp "github.com/refundry/refundry/channel/pingpp"
	"github.com/refundry/refundry/channel/sandbox"
	channelstripe "github.com/refundry/refundry/channel/stripe"
	channelwechatpay "github.com/refundry/refundry/channel/wechatpay"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/dialect/payin"
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// The registry: every dialect and every channel in the program, one line each.
// Nothing registers itself; what is not named here does not exist.

// registered is a dialect in the registry.
type registered struct {
	describe func() merchant.Dialect
	make     func(*Service) dialect.Dialect
	// references read a text as what a refund is called in the dialect; nil where
	// that is its id.
	references func(text string, identities []merchant.Identity) []refund.Reference
	// batchEnd returns the type of the event that tells of refunds which were
	// accepted as one batch, "" for none; nil is a dialect without batches.
	batchEnd func(refund.Together) string
}

func registry() []registered {
	return []registered{
		{describe: pingpp.Describe, make: (*Service).pingpp, batchEnd: pingpp.BatchEnd},
		{describe: wallet.Describe, make: (*Service).wallet, references: wallet.References},
		{describe: wechatpay.Describe, make: (*Service).wechatpay, references: wechatpay.References},
		{describe: payin.Describe, make: (*Service).payin, references: payin.References},
		{describe: native.Describe, make: (*Service).native},
	}
}

func (s *Service) pingpp() dialect.Dialect {
	return pingpp.New(pingpp.Services{
		Directory: directory{s.Store}, Dialects: s.dialects(), Reader: s.Store, Pager: s.Store, Units: s.Store, Registrar: s.Store, Acceptor: s.acceptor,
		Payments: payments{s}, Writes: s.Store, Now: s.clock.now, Log: s.opts.Log, Damaged: s.alertDamage,
	})
}

func (s *Service) wallet() dialect.Dialect {
	return wallet.New(wallet.Services{
		Directory: directory{s.Store}, Dialects: s.dialects(), Reader: s.Store, Pager: s.Store, Registrar: s.Store, Acceptor: s.acceptor,
		Payments: payments{s}, Writes: s.Store, Now: s.clock.now, Log: s.opts.Log, Damaged: s.alertDamage,
	})
}

func (s *Service) wechatpay() dialect.Dialect {
	return wechatpay.New(wechatpay.Services{
		Directory: directory{s.Store}, Reader: s.Store, Finder: s.Store, Acceptor: s.acceptor, Rerouter: s.admin, Payments: payments{s}, Writes: s.Store,
		EgressCheck: s.notifyCheck, PublicURL: s.opts.PublicURL, Now: s.clock.now, Log: s.opts.Log, Damaged: s.alertDamage,
	})
}

func (s *Service) payin() dialect.Dialect {
	return payin.New(payin.Services{
		Directory: directory{s.Store}, Dialects: s.dialects(), Reader: s.Store, Orders: s.Store, Acceptor: s.acceptor, Payments: payments{s}, Deliveries: s.Store,
		Writes: s.Store, Wake: func() { s.webhooks.Wake() }, Now: s.clock.now, Log: s.opts.Log, Damaged: s.alertDamage,
	})
}

func (s *Service) native() dialect.Dialect { return native.New(s.nativeServices()) }

// drivers makes the drivers of the channels, by their names in channel accounts.
func (s *Service) drivers(now func() time.Time, log *slog.Logger) map[string]channel.Driver {
	s.sandbox = sandbox.New(sandbox.NewDatabase(s.Store), sandbox.Options{Now: now, Log: log})
	return map[string]channel.Driver{
		merchant.ChannelSandbox: s.sandbox,
		merchant.ChannelManual:  manual.Driver{},
		channelalipay.Name:      channelalipay.New(channelalipay.Options{EgressAllow: s.opts.EgressAllow, Now: now}),
		chinaums.Name:           chinaums.New(chinaums.Options{EgressAllow: s.opts.EgressAllow, Now: now}),
		channelpayin.Name:       channelpayin.New(channelpayin.Options{EgressAllow: s.opts.EgressAllow, Now: now}),
		channelpingpp.Name:      channelpingpp.New(channelpingpp.Options{EgressAllow: s.opts.EgressAllow, Now: now}),
		channelstripe.Name:      channelstripe.New(channelstripe.Options{EgressAllow: s.opts.EgressAllow, Now: now}),
		channelwechatpay.Name:   channelwechatpay.New(channelwechatpay.Options{EgressAllow: s.opts.EgressAllow, Now: now}),
	}
}

// channelTables are those that channels keep in our database.
func channelTables() []channel.Tables {
	return []channel.Tables{sandbox.Tables()}
}

// ChannelKinds describes the channels in the program, without a database.
func ChannelKinds() []admin.Channel {
	s := &Service{}
	drivers := s.drivers(time.Now, slog.New(slog.DiscardHandler))
	return admin.New(admin.Services{Channels: channel.NewConnectors(drivers, channel.ConnectorsOptions{})}).Channels()
}
