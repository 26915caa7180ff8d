package service

import (
	"log/slog"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/manual"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/dialect/payin"
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/merchant"
)

// The registry: every dialect and every channel in the program, one line each.
// Nothing registers itself; what is not named here does not exist.

// Dialects are what the dialects say of themselves.
func Dialects() merchant.Dialects {
	return merchant.Dialects{pingpp.Describe(), wallet.Describe(), wechatpay.Describe(), payin.Describe(), native.Describe()}
}

// dialects makes the APIs that merchants call.
func (s *Service) dialects(now func() time.Time, log *slog.Logger) []dialect.Dialect {
	return []dialect.Dialect{
		native.New(s.nativeServices(now, log)),
		payin.New(payin.Services{
			Directory: s.Store, Dialects: Dialects(), Reader: s.Store, Orders: s.Store, Acceptor: s.acceptor, Deliveries: s.Store,
			Writes: s.Store, Wake: func() { s.webhooks.Wake() }, Now: now, Log: log,
		}),
		pingpp.New(pingpp.Services{
			Directory: s.Store, Dialects: Dialects(), Reader: s.Store, Pager: s.Store, Units: s.Store, Registrar: s.Store, Acceptor: s.acceptor,
			Writes: s.Store, Now: now, Log: log,
		}),
		wallet.New(wallet.Services{
			Directory: s.Store, Dialects: Dialects(), Reader: s.Store, Pager: s.Store, Registrar: s.Store, Acceptor: s.acceptor, Writes: s.Store, Now: now, Log: log,
		}),
		wechatpay.New(wechatpay.Services{
			Directory: s.Store, Reader: s.Store, Finder: s.Store, Acceptor: s.acceptor, Rerouter: s.admin, Writes: s.Store,
			EgressCheck: s.notifyCheck, PublicURL: s.opts.PublicURL, Now: now, Log: log,
		}),
	}
}

// drivers makes the drivers of the channels, by their names in channel accounts.
func (s *Service) drivers(now func() time.Time, log *slog.Logger) map[string]channel.Driver {
	s.sandbox = sandbox.New(sandbox.NewDatabase(s.Store), sandbox.Options{Now: now, Log: log})
	return map[string]channel.Driver{
		merchant.ChannelSandbox: s.sandbox,
		merchant.ChannelManual:  manual.Driver{},
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
