// A module of its own: a peer that others wrote, for signatures alone, is no
// dependency of the program, nor of whoever builds it.
module github.com/refundry/refundry/e2e/smartwalle

go 1.26

require github.com/smartwalle/alipay/v3 v3.2.30

require (
	github.com/smartwalle/ncrypto v1.0.4 // indirect
	github.com/smartwalle/ngx v1.1.1 // indirect
	github.com/smartwalle/nsign v1.0.9 // indirect
)
