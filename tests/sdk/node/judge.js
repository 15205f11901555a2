'use strict'
// The official Node SDK goes through the life of transactions and through every kind of error.

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const midtrans = require('midtrans-client')

const { BASE, SERVER_KEY, CLIENT_KEY, PAY, TOLD } = process.env
const SUFFIX = `${Date.now()}`
const AMOUNT = 44000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/

function core(serverKey = SERVER_KEY) {
  const api = new midtrans.CoreApi({ isProduction: false, serverKey, clientKey: CLIENT_KEY })
  api.apiConfig.getCoreApiBaseUrl = () => BASE
  return api
}

function snap(serverKey = SERVER_KEY) {
  const api = new midtrans.Snap({ isProduction: false, serverKey, clientKey: CLIENT_KEY })
  api.apiConfig.getSnapApiBaseUrl = () => BASE + '/snap/v1'
  api.apiConfig.getCoreApiBaseUrl = () => BASE
  return api
}

let number = 0
function order(paymentType, more = {}) {
  number += 1
  return {
    payment_type: paymentType,
    transaction_details: { order_id: `node-${SUFFIX}-${number}`, gross_amount: AMOUNT },
    item_details: [{ id: 'a', price: AMOUNT / 2, quantity: 2, name: 'Kopi' }],
    customer_details: { first_name: 'Ani', email: 'ani@example.com', phone: '08111222333' },
    a_field_of_tomorrow: { is: 'ignored' },
    ...more,
  }
}

async function refused(promise, code, httpStatus) {
  let error
  await promise.catch(e => { error = e })
  assert.ok(error, `expected ${code}`)
  assert.equal(error.name, 'MidtransError')
  assert.equal(error.httpStatusCode, httpStatus, error.message)
  assert.ok(error.message.startsWith(`Midtrans API is returning API error. HTTP status code: ${code}`))
  if (error.ApiResponse.status_code !== undefined) {
    assert.equal(error.ApiResponse.status_code, code)
    assert.match(error.ApiResponse.id, UUID)
  }
  return error.ApiResponse
}

function isPending(answer, asked, paymentType) {
  assert.equal(answer.status_code, '201')
  assert.equal(answer.order_id, asked.transaction_details.order_id)
  assert.equal(answer.payment_type, paymentType)
  assert.equal(answer.gross_amount, '44000.00')
  // As in the samples: what is paid in a store tells no currency.
  if (paymentType !== 'cstore') assert.equal(answer.currency, 'IDR')
  assert.equal(answer.transaction_status, 'pending')
  assert.match(answer.transaction_id, UUID)
  assert.match(answer.transaction_time, TIME)
}

const methods = {
  async bca() { return virtualAccount('bca') },
  async bni() { return virtualAccount('bni') },
  async bri() { return virtualAccount('bri') },
  async cimb() { return virtualAccount('cimb') },
  async permata() {
    const asked = order('bank_transfer', { bank_transfer: { bank: 'permata' } })
    const answer = await core().charge(asked)
    isPending(answer, asked, 'bank_transfer')
    assert.match(answer.permata_va_number, /^\d+$/)
    assert.equal(answer.va_numbers, undefined)
  },
  async permataByItsOldName() {
    const asked = order('permata')
    const answer = await core().charge(asked)
    isPending(answer, asked, 'bank_transfer')
    assert.match(answer.permata_va_number, /^\d+$/)
  },
  async echannel() {
    const asked = order('echannel', { echannel: { bill_info1: 'Payment For:', bill_info2: 'rent' } })
    const answer = await core().charge(asked)
    isPending(answer, asked, 'echannel')
    assert.match(answer.bill_key, /^\d{6,12}$/)
    assert.match(answer.biller_code, /^\d+$/)
  },
  async gopay() {
    const asked = order('gopay', { gopay: { enable_callback: true, callback_url: 'someapps://callback' } })
    const answer = await core().charge(asked)
    isPending(answer, asked, 'gopay')
    assert.ok(answer.actions.find(action => action.name === 'deeplink-redirect'))
  },
  async qris() {
    const asked = order('qris', { qris: { acquirer: 'gopay' } })
    const answer = await core().charge(asked)
    isPending(answer, asked, 'qris')
    assert.match(answer.qr_string, /^000201.*6304[0-9A-F]{4}$/)
    assert.equal(answer.acquirer, 'gopay')
  },
  async shopeepay() {
    const asked = order('shopeepay', { shopeepay: { callback_url: 'https://example.com/' } })
    isPending(await core().charge(asked), asked, 'shopeepay')
  },
  async indomaret() { return store('indomaret') },
  async alfamart() { return store('alfamart') },
}

async function virtualAccount(bank) {
  const asked = order('bank_transfer', { bank_transfer: { bank } })
  const answer = await core().charge(asked)
  isPending(answer, asked, 'bank_transfer')
  assert.equal(answer.va_numbers[0].bank, bank)
  assert.match(answer.va_numbers[0].va_number, /^\d+$/)
  assert.match(answer.expiry_time, TIME)
}

async function store(store) {
  const asked = order('cstore', { cstore: { store } })
  const answer = await core().charge(asked)
  isPending(answer, asked, 'cstore')
  assert.equal(answer.store, store)
  assert.match(answer.payment_code, /^\w+$/)
}

async function charged(paymentType = 'bank_transfer', more = { bank_transfer: { bank: 'bca' } }) {
  const asked = order(paymentType, more)
  return core().charge(asked)
}

// What a payer is shown, and pays by.
function shown(answer) {
  if (answer.va_numbers) return { va_number: answer.va_numbers[0].va_number }
  if (answer.qr_string) return { qr_string: answer.qr_string }
  const { url } = answer.actions.find(action => action.name === 'deeplink-redirect')
  return { transaction_id: new URL(url).pathname.split('/').pop() }
}

async function paid(paymentType, more) {
  const answer = await charged(paymentType, more)
  const headers = { 'content-type': 'application/json' }
  const done = await fetch(PAY, { method: 'POST', headers, body: JSON.stringify(shown(answer)) })
  assert.equal(done.status, 200, await done.text())
  await settled(answer.order_id)
  return answer
}

// Asks until it is settled; a gateway hears of it from its provider.
async function settled(order_id) {
  const begun = Date.now()
  for (;;) {
    const status = await core().transaction.status(order_id)
    if (status.transaction_status === 'settlement') return status
    assert.equal(status.transaction_status, 'pending')
    assert.ok(Date.now() - begun < 30_000, `${order_id} is not settled`)
    await new Promise(resume => setTimeout(resume, 50))
  }
}

// What the merchant was told of this step, as its text.
async function told(order_id, status) {
  const answer = await fetch(`${TOLD}/${order_id}/${status}`)
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  return text
}

const life = {
  async statusByBothIds() {
    const answer = await charged()
    for (const id of [answer.order_id, answer.transaction_id]) {
      const status = await core().transaction.status(id)
      assert.equal(status.status_code, '201')
      assert.equal(status.status_message, 'Success, transaction is found')
      assert.equal(status.transaction_status, 'pending')
      assert.equal(status.signature_key.length, 128)
      assert.deepEqual(status.va_numbers, answer.va_numbers)
    }
    const list = await core().transaction.statusb2b(answer.order_id)
    assert.equal(list.transactions.length, 1)
  },
  async cancel() {
    const { order_id } = await charged()
    const answer = await core().transaction.cancel(order_id)
    assert.equal(answer.status_code, '200')
    assert.equal(answer.transaction_status, 'cancel')
    assert.equal((await core().transaction.status(order_id)).transaction_status, 'cancel')
    await refused(core().transaction.cancel(order_id), '412', '412')
    // The order id is free again.
    const again = order('bank_transfer', { bank_transfer: { bank: 'bni' } })
    again.transaction_details.order_id = order_id
    isPending(await core().charge(again), again, 'bank_transfer')
  },
  async expire() {
    const { order_id } = await charged()
    const answer = await core().transaction.expire(order_id)
    assert.equal(answer.status_code, '407')
    assert.equal(answer.transaction_status, 'expire')
    assert.equal((await core().transaction.status(order_id)).status_code, '407')
    await refused(core().transaction.expire(order_id), '412', '412')
  },
  async approveAndDenyNeedAChallenge() {
    const { order_id } = await charged()
    await refused(core().transaction.approve(order_id), '412', '412')
    await refused(core().transaction.deny(order_id), '412', '412')
  },
  async refundNeedsAPayment() {
    const { order_id } = await charged('qris', { qris: { acquirer: 'gopay' } })
    await refused(core().transaction.refund(order_id), '412', '412')
  },
  async notification() {
    const answer = await charged()
    const told = { transaction_id: answer.transaction_id, order_id: 'whatever it says' }
    const status = await core().transaction.notification(JSON.stringify(told))
    assert.equal(status.order_id, answer.order_id)
    assert.equal((await core().transaction.notification(told)).order_id, answer.order_id)
  },
  async anIdIsDecoded() {
    const asked = order('gopay')
    asked.transaction_details.order_id += '~a.b_c'
    await core().charge(asked)
    const id = encodeURIComponent(asked.transaction_details.order_id).replace('~', '%7E')
    const status = await core().transaction.status(id)
    assert.equal(status.order_id, asked.transaction_details.order_id)
  },
}

const payments = {
  async settlement() {
    const { order_id } = await paid('bank_transfer', { bank_transfer: { bank: 'bca' } })
    const status = await core().transaction.status(order_id)
    assert.equal(status.status_code, '200')
    assert.equal(status.transaction_status, 'settlement')
    assert.match(status.settlement_time, TIME)
    await refused(core().transaction.cancel(order_id), '412', '412')
    // A virtual account gives nothing back.
    await core().transaction.refund(order_id).then(
      () => assert.fail('refunded'), error => assert.match(error.ApiResponse.status_code, /^41[24]$/))
  },
  async refunds() {
    const { order_id } = await paid('qris', { qris: { acquirer: 'gopay' } })
    const first = await core().transaction.refund(order_id, { refund_key: 'r1', amount: 5000, reason: 'a' })
    assert.equal(first.status_code, '200')
    assert.equal(first.transaction_status, 'partial_refund')
    assert.equal(first.refund_amount, '5000.00')
    await refused(core().transaction.refund(order_id, { refund_key: 'r1', amount: 5000 }), '406', '406')
    await refused(core().transaction.refund(order_id, { refund_key: 'r2', amount: 39001 }), '414', '414')
    const rest = await core().transaction.refundDirect(order_id, { refund_key: 'r3', amount: 39000 })
    assert.equal(rest.transaction_status, 'refund')
    const status = await core().transaction.status(order_id)
    assert.equal(status.refund_amount, '44000.00')
    assert.equal(status.refunds.length, 2)
  },
  async aFullRefundHasNoWords() {
    const { order_id } = await paid('gopay', {})
    const answer = await core().transaction.refund(order_id)
    assert.equal(answer.transaction_status, 'refund')
    assert.equal(answer.refund_amount, '44000.00')
  },
}

const notifications = {
  async settlement() {
    const answer = await paid('bank_transfer', { bank_transfer: { bank: 'bca' } })
    const text = await isTold(answer, 'settlement', '200')
    // As merchants do: the word of a notification is taken from the status, which the SDK asks for.
    const status = await core().transaction.notification(text)
    assert.equal(status.order_id, answer.order_id)
    assert.equal(status.transaction_status, 'settlement')
    assert.equal(status.signature_key, JSON.parse(text).signature_key)
    const forged = { ...JSON.parse(text), transaction_id: crypto.randomUUID() }
    await refused(core().transaction.notification(forged), '404', '404')
  },
  async pendingAndCancel() {
    const answer = await charged()
    await isTold(answer, 'pending', '201')
    await core().transaction.cancel(answer.order_id)
    await isTold(answer, 'cancel', '202')
  },
  async expire() {
    const answer = await charged()
    await core().transaction.expire(answer.order_id)
    await isTold(answer, 'expire', '202')
  },
  async refund() {
    const answer = await paid('qris', { qris: { acquirer: 'gopay' } })
    await core().transaction.refund(answer.order_id, { refund_key: 'r1', amount: 5000, reason: 'a' })
    const text = await isTold(answer, 'partial_refund', '200')
    assert.equal(JSON.parse(text).refund_amount, '5000.00')
  },
}

// The merchant is told of this step, signed with its key; the text.
async function isTold(answer, status, code) {
  const text = await told(answer.order_id, status)
  const body = JSON.parse(text)
  const signed = body.order_id + body.status_code + body.gross_amount + SERVER_KEY
  assert.equal(body.signature_key, crypto.createHash('sha512').update(signed).digest('hex'))
  assert.equal(body.status_code, code)
  assert.equal(body.transaction_id, answer.transaction_id)
  assert.equal(body.gross_amount, '44000.00')
  return text
}

const errors = {
  async wrongKey() {
    const asked = order('gopay')
    await refused(core('SB-Mid-server-nobodys').charge(asked), '401', 401)
    await refused(core('SB-Mid-server-nobodys').transaction.status('a'), '401', 401)
    const told = await refused(snap('SB-Mid-server-nobodys').createTransaction(asked), '401', 401)
    assert.ok(Array.isArray(told.error_messages))
  },
  async unknownOrder() {
    for (const call of ['status', 'statusb2b', 'cancel', 'expire', 'approve', 'deny', 'refund', 'refundDirect']) {
      await refused(core().transaction[call]('nobody-knows-it'), '404', '404')
    }
  },
  async usedOrder() {
    const asked = order('gopay')
    await core().charge(asked)
    await refused(core().charge(asked), '406', '406')
  },
  async wrongSum() {
    const asked = order('gopay')
    asked.item_details[0].price += 1
    const answer = await refused(core().charge(asked), '400', '400')
    assert.ok(answer.validation_messages[0].includes('item_details'))
  },
  async cards() {
    const asked = order('credit_card', { credit_card: { token_id: '48111111-1114-x' } })
    await refused(core().charge(asked), '402', '402')
    const card = { client_key: CLIENT_KEY, card_number: '4811111111111114', card_cvv: '123', card_exp_month: '02', card_exp_year: '2030' }
    await refused(core().cardToken(card), '402', '402')
    await refused(core().cardRegister(card), '402', '402')
    await refused(core().cardPointInquiry('48111111-1114-x'), '402', '402')
    await refused(core().capture({ transaction_id: 'a', gross_amount: 1 }), '402', '402')
  },
  async whatIsNotOffered() {
    await refused(core().linkPaymentAccount({ payment_type: 'gopay' }), '402', '402')
    await core().createSubscription({ name: 'a' }).then(
      () => assert.fail('subscribed'), error => assert.equal(typeof error.httpStatusCode, 'number'))
  },
}

const session = {
  async snap() {
    const { payment_type, ...asked } = order('')
    const answer = await snap().createTransaction(asked)
    assert.match(answer.token, UUID)
    assert.ok(answer.redirect_url.includes(answer.token))
    const page = await fetch(answer.redirect_url)
    assert.equal(page.status, 200)
    assert.ok((await page.text()).includes('44'))
    await refused(snap().transaction.status(asked.transaction_details.order_id), '404', '404')
    assert.equal(typeof await snap().createTransactionToken(snapOrder()), 'string')
    assert.ok((await snap().createTransactionRedirectUrl(snapOrder())).startsWith('http'))
  },
  async snapRefusals() {
    const asked = snapOrder()
    delete asked.transaction_details.gross_amount
    const answer = await refused(snap().createTransaction(asked), '400', 400)
    assert.ok(Array.isArray(answer.error_messages))
  },
}

function snapOrder() {
  const { payment_type, ...asked } = order('')
  return asked
}

async function main() {
  const groups = { methods, life, errors, session }
  if (PAY) groups.payments = payments
  if (PAY && TOLD) groups.notifications = notifications
  let failed = 0
  let passed = 0
  for (const [group, cases] of Object.entries(groups)) {
    for (const [name, run] of Object.entries(cases)) {
      try {
        await run()
        passed += 1
      } catch (error) {
        failed += 1
        console.error(`node: ${group}.${name} failed: ${error.stack}`)
      }
    }
  }
  console.log(`node: ${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}

main()
