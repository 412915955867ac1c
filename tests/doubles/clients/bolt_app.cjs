// An ordinary Bolt app over Socket Mode: answers mentions in their thread with a button, settles presses.
const { createRequire } = require('node:module');
const { App, LogLevel } = createRequire(process.env.NODE_TOOLS + '/')('@slack/bolt');

const app = new App({
  token: process.env.BOT_TOKEN, appToken: process.env.APP_TOKEN, socketMode: true, logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: process.env.API_URL + '/' },
});
const say = (line) => console.log(JSON.stringify(line));

app.event('app_mention', async ({ event, say: post }) => {
  say({ mention: event.text, user: event.user });
  await post({
    text: 'echo', thread_ts: event.thread_ts ?? event.ts,
    metadata: { event_type: 'test', event_payload: { delivery_id: 'd1' } },
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: '*echo*' } },
      { type: 'actions', elements: [{ type: 'button', text: { type: 'plain_text', text: 'Approve' }, action_id: 'approve', value: 'approve:1', style: 'primary' }] },
    ],
  });
});
app.message(async ({ message }) => say({ message: message.text, type: message.channel_type }));
app.action('approve', async ({ ack, body, action, client }) => {
  await ack();
  await client.chat.update({ channel: body.channel.id, ts: body.message.ts, text: 'settled ' + action.value, blocks: [] });
  await client.chat.postEphemeral({ channel: body.channel.id, user: body.user.id, text: 'done' });
  const page = await client.conversations.replies({ channel: body.channel.id, ts: body.message.thread_ts, include_all_metadata: true });
  say({ pressed: action.value, user: body.user.id, deliveries: page.messages.map((m) => m.metadata?.event_payload?.delivery_id ?? null) });
});
app.start().then(() => say({ ready: true })).catch((error) => say({ failed: error.data?.error ?? String(error) }));
