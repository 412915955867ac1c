// An ordinary grammY bot: echoes with a button, answers presses, edits.
const { createRequire } = require('node:module');
const { Bot, InlineKeyboard } = createRequire(process.env.NODE_TOOLS + '/')('grammy');

const bot = new Bot(process.env.TOKEN, { client: { apiRoot: process.env.API_ROOT } });
const say = (line) => console.log(JSON.stringify(line));

bot.on('message:text', async (ctx) => {
  say({ text: ctx.message.text, from: ctx.from.id, thread: ctx.message.message_thread_id ?? null });
  await ctx.reply('<b>echo</b> ' + ctx.message.text, {
    parse_mode: 'HTML',
    reply_parameters: { message_id: ctx.message.message_id },
    message_thread_id: ctx.message.message_thread_id,
    reply_markup: new InlineKeyboard().text('Approve', 'approve:1').text('Deny', 'deny:1'),
  });
});
bot.on('edited_message', (ctx) => say({ edited: ctx.editedMessage.text }));
bot.on('callback_query:data', async (ctx) => {
  await ctx.answerCallbackQuery({ text: 'done', show_alert: true });
  await ctx.editMessageText('settled: ' + ctx.callbackQuery.data);
  say({ pressed: ctx.callbackQuery.data });
});
bot.catch((error) => say({ error: String(error.error?.description ?? error.error) }));
bot.api.setMyCommands([{ command: 'status', description: 'how it is' }])
  .then(() => bot.start({ onStart: (me) => say({ ready: me.username }) }))
  .catch((error) => say({ failed: error.error_code, description: error.description }));
