package alipay

// MaxBillBytes is small in tests: nobody waits for four gigabytes.
const MaxBillBytes = testBillBytes

const testBillBytes = 1 << 20

func init() { maxBillBytes = testBillBytes }
